"""Axes of a map: a hyperparameter's range as 0 to 1, spaced as the space spaces it, with ticks at round values."""

import math
from typing import Any, Final

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.encoding import LOG_SPREAD
from fitscape.study.report import wording

MOST_TICKS: Final = 8  # of an axis, each a value that can be taken


def numeric(distribution: BaseDistribution) -> bool:
    """Whether the map has a numeric axis for it. Three or more numeric choices are one as well (depths)."""
    return ranged(distribution, least=3)


def ranged(distribution: BaseDistribution, *, least: int = 2) -> bool:
    """Whether it has a low and a high end: a range, or at least so many different choices, all of them numbers."""
    if isinstance(distribution, CategoricalDistribution):
        numbers = [c for c in distribution.choices if isinstance(c, int | float) and not isinstance(c, bool)]
        return len(numbers) == len(set(numbers)) == len(distribution.choices) >= least
    return not distribution.single()


def numeric_hyperparameters(fitted: RegimeMap) -> list[str]:
    """The hyperparameters that can be an axis, in the order of the space."""
    return [name for name in fitted.encoder.names if numeric(fitted.encoder.space[name])]


def axis(name: str, distribution: BaseDistribution) -> dict[str, Any]:
    """``low``, ``high``, ``log``, ``whole`` (only whole numbers), and ``ticks``: (place from 0 to 1, text).

    ``choices`` are the places of all the values that it can take, where it takes a few; else None.
    """
    low, high, log = ends(distribution)
    few = _few(distribution)
    values = few or _ticks(low, high, log)
    whole = isinstance(distribution, IntDistribution) or bool(few and all(v == int(v) for v in few))
    if isinstance(distribution, IntDistribution):
        values = [v for v in values if v == int(v)]
    ticks = [[round(place(distribution, v), 5), wording.value(name, v)] for v in values]
    return {
        "name": wording.hyperparameter(name),
        "low": low,
        "high": high,
        "log": log,
        "whole": whole,
        "ticks": ticks,
        "choices": [at for at, _ in ticks] if few else None,
    }


def _few(distribution: BaseDistribution) -> list[float]:
    """All the values that it can take, where they are so few that each is a tick; else none."""
    if isinstance(distribution, CategoricalDistribution):
        return sorted(float(str(c)) for c in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if (
        distribution.log
        or not distribution.step
        or (distribution.high - distribution.low) / distribution.step > MOST_TICKS
    ):
        return []
    return [float(v) for v in np.arange(distribution.low, distribution.high + distribution.step / 2, distribution.step)]


def place(distribution: BaseDistribution, value: float | None) -> float:
    """Where a value of a hyperparameter lies, 0 at its low end and 1 at its high end; NaN for none."""
    low, high, log = ends(distribution)
    if value is None or (log and value <= 0):
        return math.nan
    return math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)


def ends(distribution: BaseDistribution) -> tuple[float, float, bool]:
    """The lowest and the highest value, and whether what lies between is spaced by its logarithm."""
    if isinstance(distribution, CategoricalDistribution):
        numbers = sorted(float(str(c)) for c in distribution.choices)
        low, high = numbers[0], numbers[-1]
        return low, high, low > 0 and high / low > LOG_SPREAD
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return float(distribution.low), float(distribution.high), distribution.log


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        found = list(MaxNLocator(5).tick_values(low, high))
    elif high / low > 100:
        found = list(LogLocator(10, numticks=6).tick_values(low, high))
    else:
        finer = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 10 else (1, 2, 5)
        found = [m * 10.0**e for e in range(-9, 10) for m in finer]
    inside = [float(v) for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
    return inside if len(inside) > 1 else [low, high]
