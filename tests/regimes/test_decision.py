"""The decision list on skills."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Regime
from fitscape.study.regimes import DECIDABLE, Skills, probabilities, regime_of, split_excess

SKILLS = arrays(float, (3, 50), elements=st.floats(-2, 3))
GOOD = DECIDABLE.index(Regime.GOOD)


@given(train=SKILLS, val=SKILLS)
def test_probabilities_sum_to_1(train: np.ndarray, val: np.ndarray) -> None:
    assert probabilities(Skills(train, val), RegimeThresholds()).sum(axis=1) == pytest.approx(np.ones(3))


@given(train=SKILLS, val=SKILLS, taus=st.tuples(st.floats(0.01, 0.8), st.floats(0.01, 0.8)))
def test_a_larger_tau_never_makes_good_less_likely(
    train: np.ndarray, val: np.ndarray, taus: tuple[float, float]
) -> None:
    low, high = (probabilities(Skills(train, val), RegimeThresholds(tau=t)) for t in sorted(taus))
    assert (high[:, GOOD] >= low[:, GOOD]).all()


@pytest.mark.parametrize(
    ("train", "val", "regime"),
    [
        (0.95, 0.95, Regime.UNTRAINED),
        (0.95, 0.01, Regime.UNTRAINED),  # asked before good
        (0.04, 0.05, Regime.GOOD),
        (-0.05, 0.04, Regime.GOOD),  # interpolates and yet is good
        (-0.05, 0.06, Regime.OVERFIT),
        (0.10, 0.20, Regime.OVERFIT),  # bias is exactly half
        (0.11, 0.20, Regime.UNDERFIT),
        (0.40, 0.35, Regime.UNDERFIT),
    ],
)
def test_rules_are_asked_in_order(train: float, val: float, regime: Regime) -> None:
    row = probabilities(Skills(np.array([[train]]), np.array([[val]])), RegimeThresholds())[0]
    assert regime_of(row, 0.9) is regime


def test_below_the_confidence_nothing_is_decided() -> None:
    row = np.array([0, 0, 0.85, 0.15, 0])
    assert regime_of(row, 0.9) is Regime.UNDECIDED
    assert regime_of(row, 0.8) is Regime.GOOD


def test_excess_splits_into_bias_and_gap() -> None:
    b, v, share = split_excess(np.array([0.1, -0.3, 0.4]), np.array([0.3, 0.2, -0.1]))
    assert b == pytest.approx([0.1, 0, 0.4])
    assert b + v == pytest.approx([0.3, 0.2, -0.1])
    assert share[:2] == pytest.approx([1 / 3, 0])
    assert np.isnan(share[2])  # no excess to explain
