"""Every trial as columns for the page's scripts: outcome, hyperparameters, curves, where it lies on the map."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.report import axes, vocabulary
from fitscape.study.report.effort import done
from fitscape.study.report.pack import Pack
from fitscape.study.report.section import Material, Section
from fitscape.study.report.sections.gradients import ends_of
from fitscape.study.report.slices import slice_keys
from fitscape.study.report.stages import EpochStage
from fitscape.study.report.subject import Subject

MOST_POINTS: Final = 40  # of one curve
MOST_PROFILES: Final = 400  # trials whose gradient profiles are kept


def trials(stages: list[EpochStage], pack: Pack, taus: list[float]) -> dict[str, Any]:
    """One entry a trial in each column, in order of creation; ``regimes`` by stage and tau."""
    subject = stages[-1].subject
    told = subject.trials
    labels = [subject.labels.get(t.trial_id) for t in told]
    curves = [thinned(t.epochs) for t in told]
    effort = [done(subject, t) for t in told]
    return {
        "number": [t.number for t in told],
        "id": [t.trial_id for t in told],
        "net": [t.config.model.name for t in told],
        "group": groups(told),
        "slice": slice_keys(subject),
        "state": [t.state.value for t in told],
        "origin": [t.origin for t in told],
        "message": {t.number: t.message for t in told if t.message},
        "attempts": {t.number: t.attempts for t in told if t.attempts > 1},
        "regimes": [[pack.add(np.array(row, dtype=np.uint8)) for row in regimes(s.subject, taus)] for s in stages],
        "probability": pack.rates([label.probability if label else np.nan for label in labels]),
        "between": {
            t.number: [label.named, label.remedy]
            for t, label in zip(told, labels, strict=True)
            if label and label.unsettled_by
        },
        "by_map": [t.number for t, label in zip(told, labels, strict=True) if label and label.by_map],
        "flags": {t.number: label.flags for t, label in zip(told, labels, strict=True) if label and label.flags},
        "train_error": [_finite(t.last.train_error) if t.last else None for t in told],
        "val_error": [_finite(t.last.val_error) if t.last else None for t in told],
        "val_n": [t.last.val_n if t.last else None for t in told],
        "epochs": [len(t.epochs) for t in told],
        "steps": [steps for steps, _ in effort],
        "passes": [passes for _, passes in effort],
        "parameters": [t.size.parameters if t.size else None for t in told],
        "flops": [t.size.flops if t.size else None for t in told],
        "seconds": [_finite(t.seconds) if t.epochs else None for t in told],
        "hyperparameters": hyperparameters(told),
        "searched": list(subject.space),
        "place": places(subject, pack),
        "curves": {
            "points": [len(c) for c in curves],
            "epoch": pack.add(np.array([min(e.epoch, 65535) for c in curves for e in c], dtype=np.uint16)),
            "train": pack.rates([e.train_error for c in curves for e in c]),
            "val": pack.rates([e.val_error for c in curves for e in c]),
            "train_loss": pack.losses([e.train_loss for c in curves for e in c]),
            "val_loss": pack.losses([e.val_loss for c in curves for e in c]),
            "losses": any(e.val_loss is not None and np.isfinite(e.val_loss) for c in curves for e in c),
            "epochs": _epochs(told),
            "guess": math.log(len(subject.classes)) if len(subject.classes) > 1 else None,
        },
        "gradients": profiles(told, pack),
    }


def _epochs(told: Sequence[TrialRecord]) -> str | None:
    """``epoch (9 steps)`` where an epoch is that many steps in each trial, and not a pass over the images."""
    steps = {t.config.optimization.steps_per_epoch for t in told if not t.config.model.read}
    (one,) = steps if len(steps) == 1 else (None,)
    return None if one is None else f"epoch ({one:,} steps)"


def groups(told: Sequence[TrialRecord]) -> list[int]:
    """Of each trial, the number of its configuration, which its seeds share."""
    known: dict[str, int] = {}
    return [known.setdefault(t.config.group_id, len(known)) for t in told]


def regimes(subject: Subject, taus: list[float]) -> list[list[int]]:
    """At each tau, the position of every trial's regime in the vocabulary."""
    own = subject.config.regimes.tau
    others = [tau for tau in taus if tau != own and not subject.no_labels]
    found = subject.study.regimes_at(others) if others else {}
    rows = []
    for tau in taus:
        if tau in others:
            at = [found.get(t.trial_id, [None] * len(others))[others.index(tau)] for t in subject.trials]
        else:
            at = [label.regime if (label := subject.labels.get(t.trial_id)) else None for t in subject.trials]
        rows.append([vocabulary.position(regime) for regime in at])
    return rows


def thinned(epochs: tuple[EpochRecord, ...], most: int = MOST_POINTS) -> list[EpochRecord]:
    """At most that many epochs, evenly spaced, first and last among them."""
    if len(epochs) <= most:
        return list(epochs)
    return [epochs[i] for i in np.unique(np.rint(np.linspace(0, len(epochs) - 1, most)).astype(int))]


def hyperparameters(told: Sequence[TrialRecord]) -> dict[str, Any]:
    """Every hyperparameter of the configurations: ``one`` value where all trials share it, else a list of ``all``."""
    flat = [t.config.shown() for t in told]
    columns = {name: [row[name] for row in flat] for name in (flat[0] if flat else {})}
    return {
        name: {"one": values[0]} if all(v == values[0] for v in values) else {"all": values}
        for name, values in columns.items()
    }


def places(subject: Subject, pack: Pack) -> dict[str, Any]:
    """Where each trial lies from 0 to 1, by numeric hyperparameter; missing for a trial outside the space."""
    if subject.map is None:
        return {}
    encoder = subject.map.encoder
    found = {}
    for name in encoder.names:
        if axes.numeric(encoder.space[name]):
            place = [axes.place(encoder.space[name], subject.hyperparameter(t, name)) for t in subject.trials]
            found[name] = pack.rates(np.where(subject.inside, place, np.nan))
    return found


def profiles(told: Sequence[TrialRecord], pack: Pack) -> dict[int, Any]:
    """By trial number, gradient norms by layer at initialization and at the end, for the detail view."""
    found: dict[int, Any] = {}
    for trial in told:
        if len(found) == MOST_PROFILES:
            break
        ends = ends_of(trial)
        if ends is not None:
            first, last = (np.array(p.gradient_norms, dtype=np.float32) for p in ends)
            found[trial.number] = {"first": pack.add(first), "last": pack.add(last), "step": ends[1].step}
    return found


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _trials(material: Material) -> dict[str, Any]:
    taus = material.built["map"].get("taus", [material.subject.config.regimes.tau])
    return trials(material.stages, material.pack, taus)


SECTION = Section("trials", "All trials", "Trials", _trials, scripted=True)
