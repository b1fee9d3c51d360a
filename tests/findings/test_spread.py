"""Spread over few seeds, borrowed between settings."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import t as student

from fitscape.study.findings.spread import Spread, variance_prior


def limma(variance: np.ndarray, d: float) -> tuple[float, float]:
    """Smyth 2004, equations 6.1 to 6.2, written out with a root finder."""
    e = np.log(variance) - digamma(d / 2) + np.log(d / 2)
    prior = 2 * brentq(lambda half: polygamma(1, half) - (e.var(ddof=1) - polygamma(1, d / 2)), 1e-3, 1e6)
    return prior, float(np.exp(e.mean() + digamma(prior / 2) - np.log(prior / 2)))


def test_the_prior_of_many_variances_is_limmas() -> None:
    rng = np.random.default_rng(0)
    variance = np.var(rng.normal(0, rng.uniform(0.05, 1, (12, 1)), (12, 5)), axis=1, ddof=1)
    assert variance_prior(variance, np.full(12, 4.0)) == pytest.approx(limma(variance, 4.0), rel=1e-6)


def test_variances_that_disagree_are_drawn_towards_the_common_one_as_far_as_limma_draws_them() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, rng.uniform(0.05, 1, 12), (6, 12)) + rng.normal(0, 1, (6, 1))
    design = np.hstack([np.tile(np.eye(12), (6, 1)), np.repeat(np.eye(6), 12, axis=0)])  # settings and seeds
    left = values.ravel() - design @ np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
    df = 5 * 11 / 12
    own = np.square(left.reshape(6, 12)).sum(0) / df
    prior_df, prior = limma(own, df)
    moderated = (prior_df * prior + df * own) / (prior_df + df)
    spread = Spread.of(values)
    assert spread.variances == pytest.approx(moderated)
    assert spread.df == pytest.approx(prior_df + df)
    assert spread.half_width() == pytest.approx(student.ppf(0.975, prior_df + df) * np.sqrt(moderated / 6))
    assert spread.of_differences()[2, 5] == pytest.approx(np.sqrt((moderated[2] + moderated[5]) / 6))


def test_variances_that_agree_are_one() -> None:
    values = np.random.default_rng(1).normal(0, 0.1, (4, 40))
    spread = Spread.of(values)
    assert len(set(spread.variances)) == 1
    assert spread.variances[0] == pytest.approx(0.01, rel=0.3)
    assert spread.df == 3 * 39


def test_fewer_than_three_settings_share_nothing() -> None:
    assert variance_prior(np.array([0.1, 0.2]), np.full(2, 4.0)) == (0.0, 0.0)
