"""The soft-floored scale and the decision list as probabilities."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fitscape.study.maps.decision import REGIMES, Cuts, regime_probabilities
from fitscape.study.maps.error_models import observed_z
from fitscape.study.regimes.rule import BIAS_LIMIT, DECIDABLE, regimes, to_noisy

CUTS = Cuts(chance=0.9, reference=0.06, tau=0.1)


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
        (0.85, 0.86, False, "untrained"),
        (0.85, 0.86, True, "diverged"),
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


@given(
    train=st.floats(0, 1),
    val=st.floats(0, 1),
    flipped=st.one_of(st.just(0.0), st.floats(0, 1)),
    chance=st.floats(0.3, 0.99),
    reference=st.one_of(st.floats(0, 0.3), st.floats(0, 1)),
    classes=st.integers(2, 100),
    tau=st.floats(0.01, 0.5),
    untrained=st.floats(0.5, 1),
)
@example(train=0.9, val=0.9, flipped=0.9, chance=0.9, reference=0.05, classes=10, tau=0.05, untrained=0.9)
@example(train=0.4, val=0.4, flipped=0.7, chance=0.4, reference=0.05, classes=5, tau=0.05, untrained=0.9)
@example(train=0.88, val=0.89, flipped=0.0, chance=0.9, reference=0.87, classes=10, tau=0.05, untrained=0.9)
@example(train=0.9, val=0.9, flipped=0.0, chance=0.9, reference=0.95, classes=10, tau=0.05, untrained=0.9)
@settings(max_examples=400, deadline=None)
def test_the_map_of_known_errors_says_what_the_label_of_the_same_errors_says(
    train: float,
    val: float,
    flipped: float,
    chance: float,
    reference: float,
    classes: int,
    tau: float,
    untrained: float,
) -> None:
    cuts = Cuts(chance, reference, tau, untrained, classes=classes)
    skills = cuts.train_skill(np.array([train]), flipped), cuts.val_skill(np.array([val]))
    edges = [skills[0] - untrained, skills[1] - tau, np.maximum(skills[0], 0) - BIAS_LIMIT * skills[1]]
    assume(min(abs(float(edge[0])) for edge in edges) > 1e-4)  # on an edge either name is right
    label = DECIDABLE[regimes(*skills, tau=tau, untrained=untrained)[0]]

    none = np.zeros(1)
    (val_z, _), (train_z, _) = (
        observed_z(cuts, np.array([val]), none),
        observed_z(cuts, np.array([train]), none, flipped),
    )
    exact = np.array([1e-9])
    p = regime_probabilities(cuts, val_z, exact, train_z, exact, none)[0]
    assert p.sum() == pytest.approx(1)
    assert p.max() > 0.99
    assert REGIMES[p.argmax()] == label.value
    assert cuts.labels(cuts.error(train_z), cuts.error(val_z)) == [REGIMES[p.argmax()]]


def drawn(cuts: Cuts, val: tuple[float, float], train: tuple[float, float], n: int) -> np.ndarray:
    """Shares of n draws of normal z that fall in each regime; one sequence of draws for all cases."""
    z = np.random.default_rng(0).standard_normal((2, n))
    labels = cuts.labels(cuts.error(train[0] + train[1] * z[0]), cuts.error(val[0] + val[1] * z[1]))
    return np.array([(labels == regime).mean() for regime in REGIMES])


@given(st.floats(-4, 2), st.floats(0.02, 1.5), st.floats(-4, 2), st.floats(0.02, 1.5), st.floats(0, 1))
@example(vm=0.0, vs=1.0, tm=-1.0, ts=0.03125, pd=0.0)  # a step that six nodes do not resolve: .532 against .575
@settings(max_examples=40, deadline=None)
def test_probabilities_agree_with_draws(vm: float, vs: float, tm: float, ts: float, pd: float) -> None:
    p = regime_probabilities(CUTS, *(np.array([v]) for v in (vm, vs, tm, ts, pd)))[0]
    assert p.sum() == pytest.approx(1)
    assert (p >= -1e-9).all()
    shares = (1 - pd) * drawn(CUTS, (vm, vs), (tm, ts), 20_000)
    shares[0] += pd
    np.testing.assert_allclose(p, shares, atol=0.02)  # four standard errors of a share


@pytest.mark.parametrize("reference", [0.002, 0.06, 0.3])
def test_probabilities_agree_with_a_million_draws_over_a_grid(reference: float) -> None:
    cuts = Cuts(0.9, reference)
    worst = 0.0
    for vm, vs, tm, ts in product((-1.5, 0.0, 1.0), (0.3, 1.2), (-2.0, -1.0, 0.5), (0.03, 0.3)):
        p = regime_probabilities(cuts, *(np.array([v]) for v in (vm, vs, tm, ts, 0.0)))[0]
        worst = max(worst, float(np.abs(p - drawn(cuts, (vm, vs), (tm, ts), 1_000_000)).max()))
    assert worst <= 0.005


def test_certain_errors_give_certain_regimes() -> None:
    p = regime_probabilities(
        CUTS, CUTS.z(np.array([0.5])), np.array([1e-4]), CUTS.z(np.array([0.01])), np.array([1e-4]), np.zeros(1)
    )
    assert p[0, REGIMES.index("overfit")] == pytest.approx(1, abs=1e-6)


def test_a_net_that_memorizes_noise_has_no_training_error_left() -> None:
    z, known = observed_z(CUTS, np.array([0.0]), np.array([2000.0]), 0.2)
    assert CUTS.error(z)[0] < 0.001
    assert known[0] >= 0


def test_label_noise_with_unequal_classes_takes_the_number_of_classes() -> None:
    """Three classes of 70, 15 and 15 %: chance is .3, and a net that learned leaves it far behind."""
    flipped, clean = 0.5 * 2 / 3, 0.1
    told = np.array([float(to_noisy(clean, flipped, 3))])
    z, _ = observed_z(Cuts(0.3, 0.05, classes=3), told, np.zeros(1), flipped)
    assert Cuts(0.3, 0.05).error(z)[0] == pytest.approx(clean, abs=1e-6)
