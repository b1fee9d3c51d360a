"""Spread over few seeds at several settings, each setting borrowing from the others."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import digamma, polygamma
from scipy.stats import t as student

from fitscape.study.findings.finding import ALPHA
from fitscape.study.regimes.rule import Array

SMALLEST = 1e-4  # standard deviation of an error: below what images can tell


@dataclass(frozen=True)
class Spread:
    """Moderated variances [W] of one seed at W settings, what seeds share over the settings taken out.

    Each setting's variance is shrunk towards the common one as far as the variances agree (Smyth 2004); ``df`` are
    the degrees of freedom that result.
    """

    variances: Array
    seeds: int
    df: float
    own_df: float  # of one setting's variance by itself
    prior_df: float
    prior: float

    @classmethod
    def of(cls, values: Array) -> Self:
        """Of values [S, W], a row a seed, the same seeds at every setting."""
        seeds, settings = values.shape
        residuals = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
        total = (seeds - 1) * (settings - 1)
        # Taking out the seeds costs every setting 1 / W of a degree of freedom.
        own_df = total / settings
        variances = np.square(residuals).sum(axis=0) / own_df
        pooled = max(float(np.square(residuals).sum() / total), SMALLEST**2)
        prior_df, prior = variance_prior(variances, np.full(settings, own_df))
        if np.isinf(prior_df) or prior_df == 0:  # one spread for all, or too few settings to tell
            return cls(np.full(settings, pooled), seeds, float(total), own_df, np.inf, pooled)
        moderated = (prior_df * prior + own_df * variances) / (prior_df + own_df)
        return cls(np.maximum(moderated, SMALLEST**2), seeds, prior_df + own_df, own_df, prior_df, prior)

    def half_width(self) -> Array:
        """Of the 95 % interval [W] of each setting's mean."""
        return np.asarray(float(student.ppf(1 - ALPHA / 2, self.df)) * np.sqrt(self.variances / self.seeds))

    def of_differences(self) -> Array:
        """Standard errors [W, W] of the difference of two settings' means."""
        return np.asarray(np.sqrt((self.variances[:, None] + self.variances[None, :]) / self.seeds))

    def flat(self, draws: int, rng: np.random.Generator) -> Array:
        """[R, W, W] t statistics of every setting over every other, were all means the same."""
        w = len(self.variances)
        if np.isinf(self.prior_df):
            true = np.ones((draws, w))
            estimated = np.broadcast_to(rng.chisquare(self.df, (draws, 1)) / self.df, (draws, w))
        else:
            true = self.prior_df / rng.chisquare(self.prior_df, (draws, w))
            own = true * rng.chisquare(self.own_df, (draws, w)) / self.own_df
            estimated = (self.prior_df + self.own_df * own) / (self.prior_df + self.own_df)
        means = rng.standard_normal((draws, w)) * np.sqrt(true)
        return np.asarray(
            (means[:, :, None] - means[:, None, :]) / np.sqrt(estimated[:, :, None] + estimated[:, None, :])
        )

    def means(self, values: Array, draws: int, rng: np.random.Generator) -> Array:
        """[R, W] draws of the settings' true means, given values [S, W]."""
        t = rng.standard_t(min(self.df, 1e6), (draws, values.shape[1]))
        return np.asarray(values.mean(axis=0) + t * np.sqrt(self.variances / self.seeds))


def variance_prior(variance: Array, df: Array) -> tuple[float, float]:
    """Degrees of freedom and scale of the variances' common prior, by moments of log s^2 (Smyth 2004, 6.2).

    Fewer than three pairs say nothing about their spread: no prior.
    """
    usable = variance > 1e-12
    if usable.sum() < 3:
        return 0.0, 0.0
    d = df[usable]
    e = np.log(variance[usable]) - digamma(d / 2) + np.log(d / 2)
    spread = float(e.var(ddof=1) - np.mean(polygamma(1, d / 2)))
    if spread <= 0:
        return float("inf"), float(np.exp(e.mean()))
    half = _inverse_trigamma(spread)
    return 2 * half, float(np.exp(e.mean() + digamma(half) - np.log(half)))


def _inverse_trigamma(x: float) -> float:
    """Newton's iteration on 1 / trigamma, which is nearly linear (Smyth 2004, appendix)."""
    y = 0.5 + 1 / x
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / x) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y
