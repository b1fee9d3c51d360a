"""Expected best validation error against tuning budget (Dodge et al. 2019), without the winner's curse."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from study.findings.finding import ALPHA
from study.regimes.skill import Array

RESAMPLES: Final = 1000


@dataclass(frozen=True, kw_only=True)
class TuningCurve:
    """What the best of k trials is expected to reach, for k = 1 ... N; all arrays [N]."""

    budgets: Array
    expected: Array
    low: Array  # pointwise 95 % band over the choice of trials
    high: Array


def tuning_curve(chosen_by: ArrayLike, judged_by: ArrayLike, *, seed: int = 0) -> TuningCurve:
    """The curve of N trials drawn alike.

    Of k trials the one with the lowest ``chosen_by`` (validation half A) is taken and its ``judged_by`` (half
    B) reported, so that luck in the choosing does not flatter it. Exact expectation over subsets of k of the
    N trials, drawn without replacement.

    Raises:
        ValueError: no trials.
    """
    a, b = np.asarray(chosen_by, dtype=float), np.asarray(judged_by, dtype=float)
    if len(a) == 0:
        raise ValueError("a tuning curve needs trials")
    weights = _weights(len(a))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(a), (RESAMPLES, len(a)))
    curves = np.array([_expected(a[i], b[i], weights) for i in drawn])
    low, high = np.quantile(curves, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    return TuningCurve(budgets=np.arange(1.0, len(a) + 1), expected=_expected(a, b, weights), low=low, high=high)


def expected_best(chosen_by: Array, judged_by: Array, budget: int) -> float:
    """One point of the curve: the expected error of the best of ``budget`` trials."""
    return float(_expected(chosen_by, judged_by, _weights(len(chosen_by)))[budget - 1])


def _expected(a: Array, b: Array, weights: Array) -> Array:
    return np.asarray(weights @ b[np.argsort(a, kind="stable")])


def _weights(n: int) -> Array:
    """[k, i]: chance that the i-th best of n is the best of a random k: C(n - i - 1, k - 1) / C(n, k)."""
    k, i = np.arange(1.0, n + 1)[:, None], np.arange(float(n))
    worse = n - i - 1

    def log_choose(m: Array, r: Array) -> Array:
        return np.asarray(gammaln(m + 1) - gammaln(r + 1) - gammaln(np.maximum(m - r, 0) + 1))

    log_weight = log_choose(worse, k - 1) - log_choose(np.full_like(k, n), k)
    return np.where(worse >= k - 1, np.exp(log_weight), 0.0)
