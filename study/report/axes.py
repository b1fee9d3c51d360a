"""Axes of a map: a dial's range as 0 to 1, spaced as the space spaces it, with ticks at round values."""

from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from study.maps.encoding import LOG_SPREAD
from study.report import wording


def numeric(distribution: BaseDistribution) -> bool:
    """Whether the map has a numeric axis for it. Three or more numeric choices are one as well (depths)."""
    if isinstance(distribution, CategoricalDistribution):
        numbers = [c for c in distribution.choices if isinstance(c, int | float) and not isinstance(c, bool)]
        return len(numbers) == len(set(numbers)) == len(distribution.choices) >= 3
    return not distribution.single()


def axis(name: str, distribution: BaseDistribution) -> dict[str, Any]:
    """``low``, ``high``, ``log``, and ``ticks``: (place from 0 to 1, text)."""
    if isinstance(distribution, CategoricalDistribution):
        choices = sorted(float(c) for c in distribution.choices if isinstance(c, int | float))
        low, high = choices[0], choices[-1]
        log, values = low > 0 and high / low > LOG_SPREAD, choices
    else:
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        low, high, log = float(distribution.low), float(distribution.high), distribution.log
        values = _ticks(low, high, log)
    ends = np.log([low, high]) if log else np.array([low, high])
    places = ((np.log(values) if log else np.array(values)) - ends[0]) / (ends[1] - ends[0])
    ticks = [[round(float(p), 5), wording.value(name, v)] for p, v in zip(places, values, strict=True)]
    return {"name": wording.dial(name), "low": low, "high": high, "log": log, "ticks": ticks}


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        found = list(MaxNLocator(5).tick_values(low, high))
    elif high / low > 1000:
        found = list(LogLocator(10, numticks=6).tick_values(low, high))
    else:
        found = [m * 10.0**e for e in range(-9, 10) for m in (1, 2, 5)]
    inside = [float(v) for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
    return inside if len(inside) > 1 else [low, high]
