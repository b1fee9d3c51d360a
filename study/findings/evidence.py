"""Tests that turn measurements of independent units into evidence: means, slopes, pairs that differ, times."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, fisher_exact, multinomial, norm
from scipy.stats import t as student
from statsmodels.stats.proportion import confint_proportions_2indep

from fitscape.study.findings.finding import ALPHA, Counted, Evidence
from fitscape.study.findings.size import needed
from fitscape.study.regimes.rule import Array

RESAMPLES: Final = 2000
WORTH_SHARE: Final = 0.1  # smallest difference of two shares worth the name, for the size of a study
_Z_ALPHA = float(norm.ppf(1 - ALPHA / 2))


def mean_evidence(
    values: ArrayLike,
    *,
    null: float = 0.0,
    margin: float | None = None,
    worth: float | None = None,
    resolution: float = 0.0,
    inflation: float = 1.0,
    test: str = "paired t",
    counted: Counted = Counted.SEEDS,
) -> Evidence:
    """Is the mean of [S] independent values (paired differences) above ``null``, or below ``margin``? t tests.

    Args:
        values: at least two.
        null: the effect that means nothing.
        margin: the smallest effect worth the name; None: ``null``.
        worth: the distance from ``null`` that a larger study should tell; None: that of ``margin``.
        resolution: smallest spread that can be measured (one image); equal values are not infinitely sure.
        inflation: of the standard error, where the values are not quite independent.
        test: name of the test.
        counted: what the values are.
    """
    x = np.asarray(values, dtype=float)
    mean, sd = float(x.mean()), max(float(x.std(ddof=1)), resolution, 1e-12)
    margin = null if margin is None else margin
    return t_evidence(
        mean,
        sd * inflation / math.sqrt(len(x)),
        len(x) - 1,
        n=len(x),
        null=null,
        margin=margin,
        worth=worth,
        test=test,
        counted=counted,
    )


def t_evidence(
    estimate: float,
    se: float,
    df: float,
    *,
    n: int,
    null: float = 0.0,
    margin: float = 0.0,
    worth: float | None = None,
    test: str,
    counted: Counted,
) -> Evidence:
    """Evidence of an estimate with its standard error and degrees of freedom."""
    half = float(student.ppf(1 - ALPHA / 2, df)) * se
    worth = margin - null if worth is None else worth
    return Evidence(
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        p_above=float(student.sf((estimate - null) / se, df)),
        p_below=float(student.cdf((estimate - margin) / se, df)),
        margin=margin,
        n=n,
        test=test,
        counted=counted,
        needed=needed(se * math.sqrt(n), worth),
    )


def slope_evidence(slope: float, se: float, df: int, n: int, margin: float) -> Evidence:
    """Evidence of a coefficient of least squares over configurations, with its robust standard error."""
    test, counted = "least squares, HC3 errors", Counted.CONFIGURATIONS
    return t_evidence(slope, max(se, 1e-12), df, n=n, margin=margin, test=test, counted=counted)


def difference_evidence(
    first: ArrayLike, second: ArrayLike, *, worth: float, test: str = "Welch's t", counted: Counted
) -> Evidence:
    """Is the mean of the first [A] larger than that of the second [B]? Welch's t test."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    va, vb = (max(float(x.var(ddof=1)), 1e-9) / len(x) for x in (a, b))
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    n = len(a) + len(b)
    estimate = float(a.mean() - b.mean())
    return t_evidence(estimate, math.sqrt(va + vb), df, n=n, worth=worth, test=test, counted=counted)


def discordant_evidence(first: Sequence[bool], second: Sequence[bool], *, margin: float = 0.0) -> Evidence:
    """Does ``first`` happen more often than ``second`` in pairs [S]? Exact both ways; estimate: difference of the
    shares, with its paired interval (Newcombe 1998b, Wald on discordant pairs, widened by 1/S).

    Above 0: McNemar's exact test. Below ``margin``: the same at margin 0, else the exact unconditional test (the
    largest chance, over the shares that fit a difference of ``margin``, of so small a score).
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    n, gained, lost = len(a), int((a & ~b).sum()), int((~a & b).sum())
    estimate = (gained - lost) / n
    se = math.sqrt(max(gained + lost - (gained - lost) ** 2 / n, 0.0)) / n
    half = _Z_ALPHA * se + 1 / n
    different = gained + lost
    p_above, p_below = (
        float(binomtest(k, different, alternative="greater").pvalue) if different else 1.0 for k in (gained, lost)
    )
    return Evidence(
        estimate=estimate,
        low=max(-1.0, estimate - half),
        high=min(1.0, estimate + half),
        p_above=p_above,
        p_below=p_below if margin == 0 else _below(gained, lost, n, margin),
        margin=margin,
        n=n,
        test="exact McNemar",
        counted=Counted.RUNS,
        needed=needed(math.sqrt(max(different, 1) / n), margin or WORTH_SHARE),
    )


LARGEST_EXACT: Final = 60  # pairs up to which tables are enumerated; beyond, the normal score is as good


def _below(gained: int, lost: int, n: int, margin: float) -> float:
    """p of H0: P(gained) - P(lost) >= margin. Tables are ordered by Tango's score (1998)."""
    if n > LARGEST_EXACT:
        return float(norm.cdf(_score(np.array([float(gained)]), np.array([float(lost)]), n, margin)[0]))
    up, down = (x.ravel().astype(float) for x in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    kept = up + down <= n
    up, down = up[kept], down[kept]
    extreme = (
        _score(up, down, n, margin) <= _score(np.array([float(gained)]), np.array([float(lost)]), n, margin)[0] + 1e-9
    )
    up, down = up[extreme], down[extreme]
    counts = np.column_stack([up, down, n - up - down])
    largest = 0.0
    for share in np.linspace(0, (1 - margin) / 2, 41)[:-1]:
        largest = max(largest, float(multinomial.pmf(counts, n, [share + margin, share, 1 - 2 * share - margin]).sum()))
    return min(largest, 1.0)


def _score(gained: Array, lost: Array, n: int, margin: float) -> Array:
    """Tango's score statistic of paired shares that differ by ``margin``."""
    # The share lost under H0, by maximum likelihood: the larger root of 2 n q^2 + b q + c.
    b = -gained - lost + (2 * n - gained + lost) * margin
    c = -lost * margin * (1 - margin)
    q = (np.sqrt(np.maximum(b**2 - 8 * n * c, 0)) - b) / (4 * n)
    variance = n * (2 * q + margin - margin**2)
    return np.asarray((gained - lost - n * margin) / np.sqrt(np.maximum(variance, 1e-9)))


def shares_evidence(hits: tuple[int, int], of: tuple[int, int], counted: Counted) -> Evidence:
    """Is the first share larger than the second? Fisher's exact test, Newcombe's interval of the difference."""
    table = np.array([[hits[0], of[0] - hits[0]], [hits[1], of[1] - hits[1]]])
    low, high = confint_proportions_2indep(hits[0], of[0], hits[1], of[1], compare="diff", method="newcomb")
    share = sum(hits) / sum(of)
    return Evidence(
        estimate=hits[0] / of[0] - hits[1] / of[1],
        low=float(low),
        high=float(high),
        p_above=float(fisher_exact(table, alternative="greater").pvalue),
        p_below=float(fisher_exact(table, alternative="less").pvalue),
        margin=0.0,
        n=sum(of),
        test="Fisher's exact",
        counted=counted,
        needed=needed(2 * math.sqrt(max(share * (1 - share), 1 / sum(of))), WORTH_SHARE),
    )


def earlier_evidence(first: ArrayLike, second: ArrayLike, *, counted: Counted) -> Evidence:
    """Is ``first`` earlier than ``second``? Brunner and Munzel's test (2000), which does not ask for equal spreads;
    infinite times are those that never came, and tie.

    Estimate: chance that a run of the first is the earlier one, less the chance that it is the later one.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    wins = _earlier(a, b)
    # The estimate is a mean over both samples; its variance is that of their parts (Hoeffding's projection).
    part_a, part_b = wins.mean(axis=1), wins.mean(axis=0)
    # Samples that do not overlap have no spread; one win less is what they cannot rule out.
    least = 4 / (len(a) * len(b)) ** 2
    va, vb = (max(float(p.var(ddof=1)) / len(p), least) for p in (part_a, part_b))
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    test = "Brunner and Munzel's"
    found = t_evidence(
        float(wins.mean()),
        math.sqrt(va + vb),
        df,
        n=len(a) + len(b),
        worth=2 * WORTH_SHARE,
        test=test,
        counted=counted,
    )
    return replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))


def resampled_evidence(
    estimate: float, draws: Array, *, n: int, test: str, counted: Counted, margin: float = 0.0
) -> Evidence:
    """Evidence of a statistic from draws [R] of it: percentile interval and p values."""
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2]) if len(draws) else (math.nan, math.nan)
    return Evidence(
        estimate=estimate,
        low=float(low),
        high=float(high),
        p_above=_share(draws <= 0),
        p_below=_share(draws >= margin),
        margin=margin,
        n=n,
        test=test,
        counted=counted,
        needed=needed(float(draws.std()) * math.sqrt(n), margin) if len(draws) else None,
    )


def _share(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """Share of resamples, never 0: (k + 1) / (R + 1)."""
    return (int(hits.sum()) + 1) / (len(hits) + 1)


def _earlier(a: Array, b: Array) -> Array:
    """[A, B]: 1 where the time of ``a`` is the earlier, 0 where they tie, else -1."""
    return np.asarray((a[:, None] < b).astype(float) - (a[:, None] > b))
