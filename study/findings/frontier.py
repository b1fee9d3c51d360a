"""The trainability frontier: the depth from which nets stall, with an interval that needs no curve's shape."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import xlogy
from scipy.stats import chi2

from fitscape.study.findings.finding import ALPHA
from fitscape.study.regimes.rule import Array


@dataclass(frozen=True)
class Frontier:
    """Between which depths half of the nets stall. 0: below the shallowest run; infinity: beyond the deepest."""

    estimate: float
    low: float
    high: float
    n: int


def trainability_frontier(stalls: Mapping[int, Sequence[bool]]) -> Frontier:
    """The frontier of stalls by depth, each a list over seeds.

    The chance of stalling is only assumed not to fall with depth. A gap between two depths is in the interval
    unless the likelihood ratio of "the chance crosses one half here" against the best monotone curve rejects it
    (isotonic fit by Ayer et al. 1955; test as Banerjee and Wellner 2001, with the larger chi-squared quantile).
    Nets that all train up to one depth and all stall from the next leave just that gap.
    """
    depths = sorted(stalls)
    n = np.array([len(stalls[d]) for d in depths], dtype=float)
    k = np.array([sum(stalls[d]) for d in depths], dtype=float)
    free = np.asarray(isotonic_regression(k / n, weights=n).x)
    best = _log_likelihood(free, k, n)
    edges = [0.0, *map(float, depths), math.inf]
    loss = []
    for gap in range(len(depths) + 1):
        below = np.arange(len(depths)) < gap
        loss.append(2 * (best - _log_likelihood(np.where(below, np.minimum(free, 0.5), np.maximum(free, 0.5)), k, n)))
    kept = [gap for gap, ratio in enumerate(loss) if ratio <= chi2.ppf(1 - ALPHA, 1)]
    likeliest = int(np.argmin(np.round(loss, 9)))
    return Frontier(
        estimate=_middle(edges[likeliest], edges[likeliest + 1]),
        low=edges[kept[0]],
        high=edges[kept[-1] + 1],
        n=int(n.sum()),
    )


def _log_likelihood(p: Array, k: Array, n: Array) -> float:
    return float(np.sum(xlogy(k, p) + xlogy(n - k, 1 - p)))


def _middle(low: float, high: float) -> float:
    """Geometric mean; an open end is itself."""
    return math.sqrt(low * high) if low > 0 and high < math.inf else (high if low > 0 else 0.0)
