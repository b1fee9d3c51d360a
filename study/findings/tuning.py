"""Expected best validation error against tuning budget (Dodge et al. 2019), without the winner's curse."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from fitscape.study.findings.finding import ALPHA
from fitscape.study.regimes.rule import Array

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

    Of k trials the one with the lowest ``chosen_by`` [N] (validation half A) is taken and its ``judged_by`` [N]
    (half B) reported, so that luck in the choosing does not flatter it. Exact expectation over subsets of k of
    the N trials, drawn without replacement.

    Raises:
        ValueError: no trials.
    """
    a, b = np.asarray(chosen_by, dtype=float), np.asarray(judged_by, dtype=float)
    if len(a) == 0:
        raise ValueError("a tuning curve needs trials")
    budgets = np.arange(1.0, len(a) + 1)
    curves = resampled_best(a, b, budgets, resamples=RESAMPLES, seed=seed)
    low, high = np.quantile(curves, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    return TuningCurve(budgets=budgets, expected=expected_best(a, b, budgets), low=low, high=high)


def expected_best(chosen_by: Array, judged_by: Array, budgets: Array) -> Array:
    """The expected errors [K] of the best of ``budgets`` [K] trials out of N."""
    return np.asarray(_weights(len(chosen_by), budgets) @ judged_by[np.argsort(chosen_by, kind="stable")])


def resampled_best(chosen_by: Array, judged_by: Array, budgets: Array, *, resamples: int, seed: int) -> Array:
    """The same [R, K] for bootstrap resamples of the N trials."""
    drawn = np.random.default_rng(seed).integers(0, len(chosen_by), (resamples, len(chosen_by)))
    order = np.take_along_axis(drawn, np.argsort(chosen_by[drawn], axis=1, kind="stable"), axis=1)
    return np.asarray(judged_by[order] @ _weights(len(chosen_by), budgets).T)


def _weights(n: int, budgets: Array) -> Array:
    """[K, i]: chance that the i-th best of n is the best of a random k: C(n - i - 1, k - 1) / C(n, k)."""
    k, i = budgets[:, None], np.arange(float(n))
    worse = n - i - 1

    def log_choose(m: Array, r: Array) -> Array:
        return np.asarray(gammaln(m + 1) - gammaln(r + 1) - gammaln(np.maximum(m - r, 0) + 1))

    log_weight = log_choose(worse, k - 1) - log_choose(np.full_like(k, n), k)
    return np.where(worse >= k - 1, np.exp(log_weight), 0.0)
