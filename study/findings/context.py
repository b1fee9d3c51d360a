"""What every question is asked of: trials, labels, and facts of the data set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from fitscape.study.config import Written
from fitscape.study.findings.correction import Method
from fitscape.study.findings.finding import Counted, Finding
from fitscape.study.records import Label, Regime, TrialRecord, TrialState
from fitscape.study.regimes.rule import Array
from fitscape.study.samplers import SAMPLERS

# Origins of trials that are a fair sample of the space.
UNBIASED: Final = tuple(name for name, sampler in SAMPLERS.items() if not sampler.adaptive)

SAMPLED: Final = tuple(name for name in UNBIASED if name != "grid")  # of those whose configurations were drawn from it

Labels: TypeAlias = Mapping[str, Label]  # by trial id


@dataclass(frozen=True, kw_only=True)
class Context:
    """The data set's facts, and how findings are corrected."""

    classes: int
    chance_error: float  # majority-class error of validation
    correction: Method = "holm"
    seed: int = 0  # of the resampling
    train_images: int = 0  # of the whole training part; 0: unknown
    overlap: float = 0.0  # ``DataConfig.overlap``: seeds validate on folds, and train on much the same images


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a study may be asked. Each module of an answer ends with its own, as ``QUESTION``."""

    name: str  # of the recipe that asks it alone, and of its figure
    title: str
    asked: str  # in plain words: what is asked, and how to read the figure
    answer: Callable[[Sequence[TrialRecord], Labels, Context], list[Finding]]
    needs: str  # what the records must hold; said of runs that were read, which often lack it
    takes: str = ""  # the least that a claim takes, of runs that hold it; empty: as ``needs``
    main: tuple[str, ...] = ()  # parts of those claims that answer the title; empty: all of them do


def ended(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that ran to their end, diverged ones included; in the order of configuration and seed.

    Stopped trials are censored and failed ones say nothing about the net: both are left out.
    """
    told = [t for t in trials if t.state is TrialState.DIVERGED or (t.state is TrialState.FINISHED and t.epochs)]
    return sorted(told, key=lambda t: (t.config.group_id, t.config.seed))


def drawn_alike(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials that a sampler drew without looking at results. Their configurations are a fair sample of the space;
    seeds of one configuration are not: see :func:`by_configuration`.

    Points that a user chose or that an adaptive sampler put at a boundary are no population.
    """
    return [t for t in trials if t.origin in UNBIASED]


def by_configuration(trials: Iterable[TrialRecord]) -> list[list[TrialRecord]]:
    """The seeds of each configuration together: what counts once where configurations are the units."""
    groups: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        groups.setdefault(trial.config.group_id, []).append(trial)
    return list(groups.values())


def sampled(trials: Iterable[TrialRecord]) -> bool:
    """All configurations were drawn from the space, so that what is said of them is said of the space."""
    return all(t.origin in SAMPLED for t in trials)


def unit_means(values: Sequence[float], trials: Sequence[TrialRecord]) -> tuple[Array, Counted]:
    """Values [N] of trials -> the values of independent units, and what those units are.

    Where the configurations were drawn, each counts once, with the mean of its seeds; where somebody chose them,
    the claim is about these, and every run counts. (Chosen configurations that differ only widen the interval.)
    """
    if not sampled(trials):
        return np.asarray(values, dtype=float), Counted.RUNS
    groups: dict[str, list[float]] = {}
    for value, trial in zip(values, trials, strict=True):
        groups.setdefault(trial.config.group_id, []).append(value)
    return np.array([float(np.mean(group)) for group in groups.values()]), Counted.CONFIGURATIONS


def train_error(trial: TrialRecord, chance: float) -> float:
    """Training error at the end; of a net that diverged, that of guessing."""
    return _or_chance(trial, trial.last.train_error if trial.last else np.nan, chance)


def val_error(trial: TrialRecord, chance: float) -> float:
    """Validation error at the end; of a net that diverged, that of guessing."""
    return _or_chance(trial, trial.last.val_error if trial.last else np.nan, chance)


def _or_chance(trial: TrialRecord, error: float, chance: float) -> float:
    return chance if trial.state is TrialState.DIVERGED or not np.isfinite(error) else error


def stalled(trial: TrialRecord, labels: Labels) -> bool:
    """Training led nowhere: diverged, or a training error hardly below chance (u(E_tr) >= 0.9)."""
    label = labels.get(trial.trial_id)
    if label is None:
        return trial.state is TrialState.DIVERGED
    return label.regime is Regime.DIVERGED or label.train_excess >= 0.9


def config_key(trial: TrialRecord, without: Iterable[str]) -> Written:
    """The configuration but for some hyperparameters: equal for trials that differ in those alone."""
    left_out = set(without)
    return tuple(item for item in trial.config.written if item[0] not in left_out)


def strata(trials: Iterable[TrialRecord], over: Iterable[str]) -> list[list[TrialRecord]]:
    """Trials that share every hyperparameter but ``over``, together."""
    groups: dict[Written, list[TrialRecord]] = {}
    for trial in trials:
        groups.setdefault(config_key(trial, over), []).append(trial)
    return list(groups.values())


def twins(
    trials: Iterable[TrialRecord], first: Mapping[str, Any], second: Mapping[str, Any], ignoring: Sequence[str] = ()
) -> list[tuple[TrialRecord, TrialRecord]]:
    """Pairs of trials, one with each of the two settings, alike in every other hyperparameter, the seed included.

    ``ignoring`` names hyperparameters that follow from the settings (the shortcut of a family).
    """
    keys = {*first, *second, *ignoring}
    found: dict[Written, list[TrialRecord | None]] = {}
    for trial in trials:
        flat = trial.config.flattened
        for side, setting in enumerate((first, second)):
            if all(flat[hyperparameter] == value for hyperparameter, value in setting.items()):
                found.setdefault(config_key(trial, keys), [None, None])[side] = trial
    return [(a, b) for a, b in found.values() if a is not None and b is not None]
