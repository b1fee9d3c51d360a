"""Random labels (Zhang et al. 2017): nets learn them by heart, and regularization does not keep them from it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from fitscape.study.config import Written
from fitscape.study.findings.context import (
    Context,
    Labels,
    Question,
    config_key,
    ended,
    train_error,
    unit_means,
    val_error,
)
from fitscape.study.findings.evidence import mean_evidence
from fitscape.study.findings.finding import Evidence, Finding, judge
from fitscape.study.measures.wording import percent
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

FITTED: Final = 0.05  # training error up to which random labels count as learned by heart
NEAR_CHANCE: Final = 0.05  # distance from chance that counts as chance
LEAST_GAIN: Final = 0.005  # of validation error, that regularization must bring to be worth the name
WORTH: Final = 0.01  # of an error: what a larger study should tell
REGULARIZERS: Final = ("weight_decay", "dropout", "augment")
SOURCE: Final = "Zhang et al. 2017, table 1"


def memorization(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """At full label noise: training error near 0 and validation at chance, for the least regularized nets of
    each family; then what regularization changes, in pairs of runs, with random and with true labels."""
    told = ended(trials)
    found: list[Finding] = []
    for family in sorted({t.config.model.family for t in told}):
        nets = [t for t in told if t.config.model.family == family]
        random = [t for t in nets if t.config.data.label_noise == 1.0]
        plainest = [t for t in random if _strength(t) == min(map(_strength, random))]
        if len(plainest) >= 2:
            found += [_fits(plainest, family, context), _generalizes_not(plainest, family, context)]
        found += _regularization(nets, family, context)
    return found


def _mean(
    values: Array, trials: Sequence[TrialRecord], *, margin: float = 0.0, worth: float | None = WORTH
) -> Evidence:
    """t test of one value a run."""
    units, counted = unit_means(list(values), trials)
    test = f"t over {counted.value}"
    return mean_evidence(units, margin=margin, worth=worth, resolution=1e-3, test=test, counted=counted)


def _strength(trial: TrialRecord) -> tuple[bool, float, float]:
    """How regularized a run is: augmentation, then dropout, then weight decay."""
    config = trial.config
    return (config.data.augment != "none", config.model.dropout, config.optimization.weight_decay)


def _fits(trials: Sequence[TrialRecord], family: str, context: Context) -> Finding:
    errors = [train_error(t, context.chance_error) for t in trials]
    # Stated as room below the bound, so that more of it is more of the claim.
    evidence = _mean(FITTED - np.array(errors), trials)
    mean = float(np.mean(errors))
    return judge(
        evidence,
        claim=f"Memorization: {family} nets fit random labels",
        question="memorization",
        family=family,
        unit=f"{FITTED:g} - training error",
        explanation=f"With every label drawn at random, {len(trials)} runs end at {percent(mean)} training error "
        f"(accuracy {percent(1 - mean)}).",
        source=SOURCE,
        effect=f"a training error below {percent(FITTED)} on random labels",
        if_found="There was nothing to learn but the images themselves.",
    )


def _generalizes_not(trials: Sequence[TrialRecord], family: str, context: Context) -> Finding:
    chance = (context.classes - 1) / context.classes
    errors = np.array([val_error(t, chance) for t in trials])
    evidence = _near(errors, chance, trials)
    return judge(
        evidence,
        claim=f"Memorization: {family} nets trained on random labels are at chance on validation",
        question="memorization",
        family=family,
        unit=f"{NEAR_CHANCE:g} - distance of validation error from chance",
        explanation=f"Their validation error is {percent(errors.mean())}, where guessing has {percent(chance)}.",
        source=SOURCE,
        effect=f"a validation error within {percent(NEAR_CHANCE)} of chance",
        if_found="A low training error by itself says nothing about other images.",
    )


def _near(errors: Array, target: float, trials: Sequence[TrialRecord]) -> Evidence:
    """Two one-sided t tests that the mean lies within ``NEAR_CHANCE`` of ``target`` (Schuirmann 1987)."""
    sides = (_mean(NEAR_CHANCE + (errors - target), trials), _mean(NEAR_CHANCE - (errors - target), trials))
    return replace(min(sides, key=lambda side: side.estimate), test=f"two one-sided {sides[0].test}")


def _regularization(nets: Sequence[TrialRecord], family: str, context: Context) -> list[Finding]:
    """Pairs alike in all but the regularizers, the least against the most regularized."""
    groups: dict[Written, list[TrialRecord]] = {}
    for trial in nets:
        if trial.config.data.label_noise in (0.0, 1.0):
            groups.setdefault(config_key(trial, REGULARIZERS), []).append(trial)
    pairs = [(min(g, key=_strength), max(g, key=_strength)) for g in groups.values()]
    pairs = [(a, b) for a, b in pairs if _strength(a) != _strength(b)]
    random = [p for p in pairs if p[0].config.data.label_noise == 1.0]
    true = [p for p in pairs if p[0].config.data.label_noise == 0.0]
    found = []
    if len(random) >= 2:
        errors = np.array([[train_error(t, context.chance_error) for t in p] for p in random])
        before, after = errors.mean(axis=0)
        found.append(
            judge(
                _mean(FITTED - errors[:, 1], [b for _, b in random]),
                claim=f"Memorization: regularization does not keep {family} nets from fitting random labels",
                question="memorization",
                family=family,
                unit=f"{FITTED:g} - training error with regularization",
                explanation=f"On random labels {len(random)} pairs of runs end at {percent(before)} training error "
                f"with the least and {percent(after)} with the most regularization run.",
                source=SOURCE,
                effect=f"a training error below {percent(FITTED)} on random labels, with regularization",
            )
        )
    if len(true) >= 2:
        errors = np.array([[val_error(t, context.chance_error) for t in p] for p in true])
        before, after = errors.mean(axis=0)
        found.append(
            judge(
                _mean(errors[:, 0] - errors[:, 1], [b for _, b in true], margin=LEAST_GAIN, worth=None),
                claim=f"Memorization: regularization lowers the validation error of {family} nets on true labels",
                question="memorization",
                family=family,
                unit="validation error, least - most regularized",
                explanation=f"On true labels {len(true)} pairs of runs end at {percent(before)} validation error with "
                f"the least and {percent(after)} with the most regularization run.",
                source=SOURCE,
                effect="a lower validation error with regularization",
            )
        )
    return found


QUESTION = Question(
    name="memorization",
    title="Can the nets learn labels that mean nothing?",
    asked="Labels were replaced by random ones. A net that fits those has learned the images by heart: its low "
    "training error says nothing about unseen images, where it can only guess.",
    answer=memorization,
    needs="known shares of replaced training labels",
    takes="two runs with every label redrawn, or pairs that differ in regularization alone",
)
