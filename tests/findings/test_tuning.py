"""Expected best error against budget."""

from itertools import combinations

import numpy as np
import pytest

from fitscape.study.findings import tuning_curve
from fitscape.study.findings.tuning import expected_best


def test_the_curve_is_the_mean_over_all_subsets() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(6), rng.random(6)
    curve = tuning_curve(a, b)
    for budget in range(1, 7):
        by_hand = [b[min(subset, key=lambda i: a[i])] for subset in combinations(range(6), budget)]
        assert curve.expected[budget - 1] == pytest.approx(np.mean(by_hand))
    assert expected_best(a, b, np.array([3.0])) == pytest.approx(curve.expected[2:3])


def test_choosing_on_one_half_and_judging_on_the_other_does_not_flatter() -> None:
    rng = np.random.default_rng(0)
    best = [tuning_curve(*rng.normal(0.1, 0.02, (2, 30))).expected[-1] for _ in range(60)]
    assert np.mean(best) == pytest.approx(0.1, abs=0.01)


def test_the_band_holds_the_curve() -> None:
    a = np.linspace(0.1, 0.5, 20)
    curve = tuning_curve(a, a + 1)
    assert (curve.low <= curve.expected).all()
    assert (curve.expected <= curve.high + 1e-9).all()
    assert (np.diff(curve.expected) < 0).all()
    assert len(curve.budgets) == 20


def test_large_budgets_stay_finite() -> None:
    a = np.random.default_rng(0).random(2000)
    assert expected_best(a, a, np.array([2000.0])) == pytest.approx(a.min())
    assert np.isfinite(expected_best(a, a, np.array([1000.0]))).all()


def test_without_trials_there_is_no_curve() -> None:
    with pytest.raises(ValueError, match="needs trials"):
        tuning_curve([], [])
