"""Tests that turn measurements into evidence: means, shares, pairs."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, fisher_exact, mannwhitneyu, norm
from scipy.stats import t as student
from statsmodels.stats.proportion import confint_proportions_2indep

from fitscape.study.findings.finding import ALPHA, Evidence
from fitscape.study.regimes.rule import Array

POWER: Final = 0.8
RESAMPLES: Final = 2000
_Z_ALPHA, _Z_POWER = float(norm.ppf(1 - ALPHA / 2)), float(norm.ppf(POWER))


def mean_evidence(
    values: ArrayLike,
    *,
    null: float = 0.0,
    margin: float | None = None,
    resolution: float = 0.0,
    test: str = "paired t",
) -> Evidence:
    """Is the mean of [S] independent values (paired differences) above ``null``, or below ``margin``? t tests.

    Args:
        values: at least two.
        null: the effect that means nothing.
        margin: the smallest effect worth the name; None: ``null``.
        resolution: smallest spread that can be measured (one image); equal values are not infinitely sure.
        test: name of the test.
    """
    x = np.asarray(values, dtype=float)
    mean, sd = float(x.mean()), max(float(x.std(ddof=1)), resolution, 1e-12)
    se, df = sd / math.sqrt(len(x)), len(x) - 1
    half = float(student.ppf(1 - ALPHA / 2, df)) * se
    margin = null if margin is None else margin
    return Evidence(
        estimate=mean,
        low=mean - half,
        high=mean + half,
        p_above=float(student.sf((mean - null) / se, df)),
        p_below=float(student.cdf((mean - margin) / se, df)),
        margin=margin,
        n=len(x),
        test=test,
        seeds_needed=seeds_needed(mean, sd, null, margin),
    )


def bootstrap_evidence(values: ArrayLike, *, margin: float = 0.0, seed: int = 0, test: str = "") -> Evidence:
    """The same for the mean of [S] values with a studentized bootstrap (Efron and Tibshirani 1993, ch. 12).

    Skewed values such as relative rises of a loss make the plain t interval lie too low.
    """
    x = np.asarray(values, dtype=float)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    if sd < 1e-12:
        return mean_evidence(x, margin=margin, test=test)
    drawn = x[np.random.default_rng(seed).integers(0, len(x), (RESAMPLES, len(x)))]
    spread = drawn.std(axis=1, ddof=1)
    # A resample of one value only has no spread and would be infinitely far.
    usable = spread > 1e-3 * sd
    t = (drawn.mean(axis=1)[usable] - mean) / (spread[usable] / math.sqrt(len(x)))
    se = sd / math.sqrt(len(x))
    low, high = np.quantile(t, [ALPHA / 2, 1 - ALPHA / 2])
    return Evidence(
        estimate=mean,
        low=mean - float(high) * se,
        high=mean - float(low) * se,
        p_above=_share(t >= mean / se),
        p_below=_share(t <= (mean - margin) / se),
        margin=margin,
        n=len(x),
        test=test or "studentized bootstrap",
        seeds_needed=seeds_needed(mean, sd, 0.0, margin),
    )


def seeds_needed(mean: float, sd: float, null: float, margin: float) -> int | None:
    """Seeds for a verdict with 80 % power, two-sided 5 %, were mean and spread the truth (Guenther 1981).

    None where no number of seeds would do: the effect lies on the very boundary.
    """
    distance = mean - null if mean >= margin and mean > null else margin - mean
    if distance <= 0:
        return None
    n = ((_Z_ALPHA + _Z_POWER) * sd / distance) ** 2 + _Z_ALPHA**2 / 2
    return max(3, math.ceil(n)) if n < 1e6 else None


def discordant_evidence(first: Sequence[bool], second: Sequence[bool], *, margin: float = 0.0) -> Evidence:
    """Does ``first`` happen more often than ``second`` in pairs [S]? Exact McNemar test; estimate: difference
    of the shares, with its paired interval (Newcombe 1998b, Wald on discordant pairs, widened by 1/S)."""
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    n, gained, lost = len(a), int((a & ~b).sum()), int((~a & b).sum())
    estimate = (gained - lost) / n
    se = math.sqrt(max(gained + lost - (gained - lost) ** 2 / n, 0.0)) / n
    half = _Z_ALPHA * se + 1 / n
    p_above = float(binomtest(gained, gained + lost, alternative="greater").pvalue) if gained + lost else 1.0
    return Evidence(
        estimate=estimate,
        low=max(-1.0, estimate - half),
        high=min(1.0, estimate + half),
        p_above=p_above,
        p_below=float(norm.cdf((estimate - margin) / max(se, 1 / n))),
        margin=margin,
        n=n,
        test="exact McNemar",
    )


def shares_evidence(hits: tuple[int, int], of: tuple[int, int]) -> Evidence:
    """Is the first share larger than the second? Fisher's exact test, Newcombe's interval of the difference."""
    table = np.array([[hits[0], of[0] - hits[0]], [hits[1], of[1] - hits[1]]])
    low, high = confint_proportions_2indep(hits[0], of[0], hits[1], of[1], compare="diff", method="newcomb")
    return Evidence(
        estimate=hits[0] / of[0] - hits[1] / of[1],
        low=float(low),
        high=float(high),
        p_above=float(fisher_exact(table, alternative="greater").pvalue),
        p_below=float(fisher_exact(table, alternative="less").pvalue),
        margin=0.0,
        n=sum(of),
        test="Fisher's exact",
    )


def earlier_evidence(first: ArrayLike, second: ArrayLike, *, seed: int = 0) -> Evidence:
    """Is ``first`` earlier than ``second``? Mann-Whitney; infinite times are those that never came.

    Estimate: chance that a run of the first is the earlier one, less the chance that it is the later one.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    rng = np.random.default_rng(seed)
    # Resamples as weights: one matrix product in place of thousands of comparisons of samples.
    weights = [rng.multinomial(len(x), np.full(len(x), 1 / len(x)), RESAMPLES) / len(x) for x in (a, b)]
    drawn = np.sum((weights[0] @ _earlier(a, b)) * weights[1], axis=1)
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
    # For the ranks never is later than anything, and all nevers tie.
    times = np.concatenate([a, b])
    never = float(np.max(times[np.isfinite(times)], initial=0.0)) + 1
    a, b = np.where(np.isfinite(a), a, never), np.where(np.isfinite(b), b, never)
    return Evidence(
        estimate=float(_earlier(a, b).mean()),
        low=float(low),
        high=float(high),
        p_above=float(mannwhitneyu(a, b, alternative="less").pvalue),
        p_below=float(mannwhitneyu(a, b, alternative="greater").pvalue),
        margin=0.0,
        n=len(a) + len(b),
        test="Mann-Whitney",
    )


def slope_evidence(slope: float, se: float, n: int, margin: float) -> Evidence:
    """Evidence of a coefficient of least squares with its robust standard error."""
    half = _Z_ALPHA * se
    return Evidence(
        estimate=slope,
        low=slope - half,
        high=slope + half,
        p_above=float(norm.sf(slope / se)),
        p_below=float(norm.cdf((slope - margin) / se)),
        margin=margin,
        n=n,
        test="least squares, HC3 errors",
    )


def resampled_evidence(estimate: float, draws: Array, *, n: int, test: str, margin: float = 0.0) -> Evidence:
    """Evidence of a statistic from its bootstrap draws [R]: percentile interval and p values."""
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
    )


def _share(hits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    """Share of resamples, never 0: (k + 1) / (R + 1)."""
    return (int(hits.sum()) + 1) / (len(hits) + 1)


def _earlier(a: Array, b: Array) -> Array:
    """[A, B]: 1 where the time of ``a`` is the earlier, 0 where they tie, else -1."""
    return np.asarray((a[:, None] < b).astype(float) - (a[:, None] > b))
