"""The soft-floored scale and the decision list as probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitscape.study.config import RegimeThresholds
from fitscape.study.maps.decision import REGIMES, Cuts, denoise, regime_probabilities
from fitscape.study.records import Regime
from fitscape.study.regimes.decision import DECIDABLE, Skills, probabilities
from fitscape.study.regimes.skill import train_skill, val_skill

CUTS = Cuts(chance=0.9, reference=0.06, tau=0.1)
errors = st.floats(0.001, 0.99)


@given(st.floats(0.0, 0.999))
def test_z_rises_with_the_error_and_inverts_above_the_floor(error: float) -> None:
    z = CUTS.z(np.array([error, min(error + 1e-3, 0.9999)]))
    assert z[1] >= z[0] >= CUTS.floor
    assert CUTS.error(z)[0] == pytest.approx(error, abs=2e-3)


def test_an_error_of_zero_is_finite() -> None:
    assert CUTS.z(0.0) == pytest.approx(CUTS.floor)
    assert np.isfinite(Cuts(0.9, 0.0).z(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("train", "val", "diverged", "regime"),
    [
        (0.01, 0.02, True, "diverged"),
        (np.nan, 0.5, False, "diverged"),
        (0.85, 0.86, False, "diverged"),  # untrained
        (0.05, 0.14, False, "good"),
        (0.00, 0.06, False, "good"),  # interpolates, and is good all the same
        (0.01, 0.50, False, "overfit"),
        (0.45, 0.50, False, "underfit"),
        (0.27, 0.50, False, "overfit"),  # just less than half of the excess is bias
        (0.29, 0.50, False, "underfit"),
    ],
)
def test_labels_follow_the_decision_list(train: float, val: float, diverged: bool, regime: str) -> None:
    assert CUTS.labels(np.array([train]), np.array([val]), np.array([diverged])).tolist() == [regime]


@given(errors, errors)
@settings(deadline=None)
def test_map_and_labels_share_one_decision_list(train: float, val: float) -> None:
    """fitscape.study.regimes decides on skills, the map on errors: the same regime."""
    skills = Skills(
        train_skill([[train]], CUTS.reference, CUTS.chance, 0.0, 10), val_skill([[val]], CUTS.reference, CUTS.chance)
    )
    row = probabilities(skills, RegimeThresholds(tau=CUTS.tau))[0]
    theirs = DECIDABLE[int(row.argmax())]
    ours = CUTS.labels(np.array([train]), np.array([val]), np.array([False]))[0]
    assert ours == ("diverged" if theirs is Regime.UNTRAINED else theirs.value)


@given(st.floats(-4, 2), st.floats(0.02, 1.5), st.floats(-4, 2), st.floats(0.02, 1.5), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_probabilities_agree_with_draws(vm: float, vs: float, tm: float, ts: float, pd: float) -> None:
    p = regime_probabilities(CUTS, *(np.array([v]) for v in (vm, vs, tm, ts, pd)))[0]
    assert p.sum() == pytest.approx(1)
    assert (p >= -1e-9).all()
    rng = np.random.default_rng(0)
    n = 20000
    train, val = CUTS.error(rng.normal(tm, ts, n)), CUTS.error(rng.normal(vm, vs, n))
    drawn = CUTS.labels(train, val, rng.random(n) < pd)
    np.testing.assert_allclose(p, [(drawn == r).mean() for r in REGIMES], atol=0.03)


def test_certain_errors_give_certain_regimes() -> None:
    p = regime_probabilities(
        CUTS, CUTS.z(np.array([0.5])), np.array([1e-4]), CUTS.z(np.array([0.01])), np.array([1e-4]), np.zeros(1)
    )
    assert p[0, REGIMES.index("overfit")] == pytest.approx(1, abs=1e-6)


@given(st.floats(0.0, 0.6), st.floats(0, 0.89))
def test_denoise_inverts_symmetric_label_noise(rate: float, clean: float) -> None:
    noisy = rate + clean * (1 - rate / 0.9)
    assert denoise(np.array([noisy]), rate, 0.9)[0] == pytest.approx(clean, abs=1e-9)


def test_a_net_that_memorizes_noise_has_no_training_error_left() -> None:
    assert denoise(np.array([0.0]), 0.2, 0.9)[0] == 0


@pytest.mark.parametrize(("chance", "reference"), [(0.5, 0.5), (0.5, 0.6), (1.0, 0.1), (0.9, -0.1)])
def test_impossible_errors_are_refused(chance: float, reference: float) -> None:
    with pytest.raises(ValueError, match="reference"):
        Cuts(chance, reference)
