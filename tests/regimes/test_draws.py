"""Draws of errors from shared standard draws."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import beta

from fitscape.study.regimes import standard_draws


@pytest.mark.parametrize(("k", "n"), [(0, 100), (1, 100), (20, 100), (100, 2000), (1999, 2000)])
def test_drawn_errors_follow_the_jeffreys_posterior(k: int, n: int) -> None:
    drawn = expit(standard_draws(0, 40_000).val.logits(np.array([float(k)]), np.array([float(n)]))[0])
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    covered = [np.mean(drawn <= q) for q in beta(k + 0.5, n - k + 0.5).ppf(levels)]
    assert covered == pytest.approx(levels, abs=0.015)


def test_more_errors_never_draw_lower() -> None:
    logits = standard_draws(0).train.logits(np.arange(0.0, 101.0), np.full(101, 100.0))
    assert (np.diff(logits, axis=0) > 0).all()


def test_seed_effects_have_the_correlation_asked_for() -> None:
    train, val = standard_draws(3, 40_000).seeds(0.8)
    assert np.corrcoef(train, val)[0, 1] == pytest.approx(0.8, abs=0.02)
    assert val.std() == pytest.approx(1, abs=0.02)


def test_the_same_seed_gives_the_same_draws() -> None:
    assert (standard_draws(7).train_seed == standard_draws(7).train_seed).all()
    assert (standard_draws(7).train_seed != standard_draws(8).train_seed).any()
