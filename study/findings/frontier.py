"""The trainability frontier: the depth from which nets stall, with an interval that needs no curve's shape."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import xlogy
from scipy.stats import binomtest, chi2

from fitscape.study.findings.finding import ALPHA, Counted, Evidence
from fitscape.study.findings.size import needed
from fitscape.study.regimes.rule import Array

DRAWS: Final = 4000
WORTH: Final = 0.25  # of a share: what a larger study should tell


@dataclass(frozen=True)
class Frontier:
    """Between which depths half of the nets stall. 0: below the shallowest run; infinity: beyond the deepest."""

    estimate: float
    low: float
    high: float
    stalled: tuple[int, ...]  # nets that stall, by depth, the shallowest first
    of: tuple[int, ...]  # nets run

    @property
    def n(self) -> int:
        return sum(self.of)


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
        stalled=tuple(int(x) for x in k),
        of=tuple(int(x) for x in n),
    )


def frontier_evidence(found: Frontier, seed: int = 0) -> Evidence:
    """Is the chance of stalling above one half at the deepest depth run, and with it the frontier inside the range?

    For it speaks every depth: what stalls more often than not at a shallow depth does so below, too. The largest
    excess of stalls over one half, pooled from some depth on, in standard deviations, is compared with its
    distribution where every net stalls like a coin falls. Against it speaks the deepest depth alone, by an exact
    binomial test. The estimate is that depth's share, less one half, with Clopper and Pearson's interval.
    """
    k, n = np.array(found.stalled), np.array(found.of)
    coins = np.random.default_rng(seed).binomial(n, 0.5, (DRAWS, len(n)))
    hits = int((_excess(coins, n) >= _excess(k[None], n)[0] - 1e-9).sum())
    deepest = binomtest(int(k[-1]), int(n[-1]), 0.5, alternative="less")
    interval = binomtest(int(k[-1]), int(n[-1])).proportion_ci(1 - ALPHA, method="exact")
    return Evidence(
        estimate=float(k[-1] / n[-1] - 0.5),
        low=float(interval.low - 0.5),
        high=float(interval.high - 0.5),
        p_above=(hits + 1) / (DRAWS + 1),
        p_below=float(deepest.pvalue),
        margin=0.0,
        n=found.n,
        test="exact scan of stalls over depths",
        counted=Counted.RUNS,
        needed=needed(0.5, WORTH),
    )


def _excess(stalls: NDArray[np.integer], n: NDArray[np.integer]) -> Array:
    """[R] largest standardized excess over one half of stalls [R, D], pooled from some depth to the deepest."""
    pooled, of = np.cumsum(stalls[:, ::-1], axis=1), np.cumsum(n[::-1])
    return np.asarray(((pooled - of / 2) / np.sqrt(of / 4)).max(axis=1))


def _log_likelihood(p: Array, k: Array, n: Array) -> float:
    return float(np.sum(xlogy(k, p) + xlogy(n - k, 1 - p)))


def _middle(low: float, high: float) -> float:
    """Geometric mean; an open end is itself."""
    return math.sqrt(low * high) if low > 0 and high < math.inf else (high if low > 0 else 0.0)
