"""Spread over few seeds, borrowed between settings."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from fitscape.study.findings.spread import variance_prior


def test_the_prior_of_many_variances_is_limmas() -> None:
    """Smyth 2004, equations 6.1 to 6.2, written out with a root finder."""
    rng = np.random.default_rng(0)
    variance = np.var(rng.normal(0, rng.uniform(0.05, 1, (12, 1)), (12, 5)), axis=1, ddof=1)
    d = 4.0
    e = np.log(variance) - digamma(d / 2) + np.log(d / 2)
    prior = 2 * brentq(lambda half: polygamma(1, half) - (e.var(ddof=1) - polygamma(1, d / 2)), 1e-3, 1e6)
    scale = np.exp(e.mean() + digamma(prior / 2) - np.log(prior / 2))
    assert variance_prior(variance, np.full(12, d)) == pytest.approx((prior, scale), rel=1e-6)


def test_fewer_than_three_settings_share_nothing() -> None:
    assert variance_prior(np.array([0.1, 0.2]), np.full(2, 4.0)) == (0.0, 0.0)
