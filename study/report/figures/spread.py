"""Means with their 95 % intervals over seeds, as lines with bars or bands."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from fitscape.study.findings.evidence import mean_evidence

# Colour (Okabe and Ito 2008), marker, line: distinct without colour, too.
SERIES = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "D", ":"),
    ("#CC79A7", "^", "-."),
    ("#E69F00", "v", "-"),
    ("#56B4E9", "P", "--"),
)


def bars(ax: Axes, x: Sequence[float], rows: Sequence[Sequence[float]], k: int, label: str) -> None:
    """Line ``k``: at each x the mean of its row (a value a seed) with the t interval; one value has none."""
    colour, marker, line = SERIES[k % len(SERIES)]
    mean, low, high = summary(rows)
    ax.plot(x, mean, color=colour, marker=marker, linestyle=line, linewidth=1.6, markersize=5, label=label)
    ax.errorbar(x, mean, yerr=np.stack([mean - low, high - mean]), color=colour, linestyle="", capsize=3)


def band(ax: Axes, x: Sequence[float], rows: Sequence[Sequence[float]], k: int, label: str) -> None:
    """The same with a band in place of bars."""
    colour, _, line = SERIES[k % len(SERIES)]
    mean, low, high = summary(rows)
    ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, mean, color=colour, linestyle=line, linewidth=1.6, label=label)


def summary(rows: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of each row with the ends of its 95 % t interval; of one value, the value itself."""
    mean = np.array([float(np.mean(row)) for row in rows])
    ends = [mean_evidence(row) if len(row) > 1 else None for row in rows]
    low = np.array([e.low if e else m for e, m in zip(ends, mean, strict=True)])
    high = np.array([e.high if e else m for e, m in zip(ends, mean, strict=True)])
    return mean, low, high
