"""Gradient norms by layer, at initialization and at the end of training."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from fitscape.models.spec import ModelSpec
from fitscape.study.records import GradientProfile, TrialRecord
from fitscape.study.regimes.flags import VANISHING_RATIO
from fitscape.study.report import wording
from fitscape.study.report.section import Section
from fitscape.study.report.subject import Subject

MOST_NETS: Final = 8
MOST_TRIALS: Final = 1000  # whose profiles are read; of more, evenly many


def _norm(model: ModelSpec) -> str:
    return "without normalization" if model.norm == "none" else f"{model.norm} normalization"


def ends_of(trial: TrialRecord) -> tuple[GradientProfile, GradientProfile] | None:
    """The first and the last profile of a trial, if it measured two."""
    first, last = (next((e for e in epochs if e.gradients), None) for epochs in (trial.epochs, trial.epochs[::-1]))
    if first is None or last is None or (first is last and len(first.gradients) == 1):
        return None
    return first.gradients[0], last.gradients[-1]


def gradients(subject: Subject) -> list[dict[str, Any]]:
    """A curve per kind of net (architecture, normalization, initialization), those with most trials first.

    ``first`` and ``last``: by layer the median over trials and their 10 % and 90 % quantiles; a norm that is
    not finite is left out of them, and a layer where none is has null. ``ratios``: at both, the relative
    gradient of the first layer over that of the last, with its name. ``trials`` are those that were looked at.
    """
    kinds: dict[str, list[tuple[GradientProfile, GradientProfile]]] = {}
    models: dict[str, ModelSpec] = {}
    several = len({(t.config.model.norm, t.config.model.init) for t in subject.trials}) > 1
    for trial in subject.trials[:: -(-len(subject.trials) // MOST_TRIALS) or 1]:
        ends = ends_of(trial)
        if ends is not None:
            model = trial.config.model
            name = wording.net(model.name) + (f", {_norm(model)}, {model.init} initialization" if several else "")
            kinds.setdefault(name, []).append(ends)
            models.setdefault(name, model)
    order = _varied(kinds, models)
    return [
        {
            "name": name,
            "trials": len(kinds[name]),
            "kinds": len(kinds),
            "layers": kinds[name][0][0].layers,
            "first": _band([a for a, _ in kinds[name]]),
            "last": _band([b for _, b in kinds[name]]),
            "ratios": [_named([pair[end] for pair in kinds[name]]) for end in (0, 1)],
            "zero": [_zero([pair[end] for pair in kinds[name]]) for end in (0, 1)],
        }
        for name in order
    ]


def _varied(kinds: Mapping[str, Sequence[object]], models: Mapping[str, ModelSpec]) -> list[str]:
    """At most ``MOST_NETS``, in turn from each family and normalization: the deepest first, where gradients have the
    longest way, then those with most trials."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted(kinds, key=lambda name: (-models[name].depth, -len(kinds[name]), name)):
        groups.setdefault((models[name].family, models[name].norm), []).append(name)
    turns = zip_longest(*(groups[key] for key in sorted(groups)))
    return sorted([name for turn in turns for name in turn if name is not None][:MOST_NETS])


def _band(profiles: list[GradientProfile]) -> dict[str, list[float | None]]:
    rows = np.array([p.gradient_norms for p in profiles if len(p.layers) == len(profiles[0].layers)], dtype=float)
    rows = np.where(np.isfinite(rows) & (rows > 0), rows, np.nan)
    measured = np.isfinite(rows).any(0)
    found = np.full((3, rows.shape[1]), np.nan)
    found[:, measured] = np.nanquantile(rows[:, measured], [0.1, 0.5, 0.9], axis=0)
    low, middle, high = ([float(f"{v:.4g}") if np.isfinite(v) else None for v in row] for row in found)
    return {"low": low, "middle": middle, "high": high}


def _zero(profiles: list[GradientProfile]) -> bool:
    """Whether no layer of any trial has a gradient: a logarithmic axis cannot show it."""
    return all(norm == 0 for p in profiles for norm in p.gradient_norms)


def _named(profiles: list[GradientProfile]) -> str:
    """The median of first over last layer, in words: far below 1 gradients vanish on their way back."""
    finite = [ratio for p in profiles if np.isfinite(ratio := p.first_last_ratio)]
    if not finite:
        return "0 in every layer: vanished" if _zero(profiles) else wording.NOT_MEASURED
    ratio = float(np.median(finite))
    name = "vanishing" if ratio < VANISHING_RATIO else "exploding" if ratio > 1 / VANISHING_RATIO else ""
    return f"{wording.number(ratio, 2)}{': ' if name else ''}{name}"


SECTION = Section(
    "gradients", "Gradients by layer", "Gradients", lambda m: gradients(m.subject), scripted=True, shown=bool
)
