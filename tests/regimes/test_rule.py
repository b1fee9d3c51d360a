"""The law of the regimes: noise, scale, skill, decision list."""

import numpy as np
import pytest
from hand_made import make_epoch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fitscape.study.config import TrialConfig
from fitscape.study.records import Regime
from fitscape.study.regimes import Scale, flip_rate, rate, regime_of, split_excess, to_noisy
from fitscape.study.regimes.rule import DECIDABLE, LEAST_SPAN, Codes, regimes, shares

SKILLS = arrays(float, (3, 50), elements=st.floats(-2, 3))
TEN = Scale(0.9, 0.05, classes=10)
unit = st.floats(0, 1)


def decide(train: np.ndarray, val: np.ndarray, tau: float = 0.05) -> Codes:
    return regimes(train, val, tau=tau, untrained=0.9)


@given(train=SKILLS, val=SKILLS)
def test_shares_of_the_draws_sum_to_1(train: np.ndarray, val: np.ndarray) -> None:
    assert shares(decide(train, val)).sum(axis=1) == pytest.approx(np.ones(3))


@given(train=SKILLS, val=SKILLS, taus=st.tuples(st.floats(0.01, 0.8), st.floats(0.01, 0.8)))
def test_a_larger_tau_never_makes_good_less_likely(
    train: np.ndarray, val: np.ndarray, taus: tuple[float, float]
) -> None:
    low, high = (decide(train, val, tau) == DECIDABLE.index(Regime.GOOD) for tau in sorted(taus))
    assert (high >= low).all()


@pytest.mark.parametrize(
    ("train", "val", "regime"),
    [
        (0.95, 0.95, Regime.UNTRAINED),
        (0.9, 0.95, Regime.UNTRAINED),  # from 0.9 on
        (0.95, 0.01, Regime.UNTRAINED),  # asked before good
        (0.04, 0.05, Regime.GOOD),
        (-0.05, 0.04, Regime.GOOD),  # interpolates and yet is good
        (-0.05, 0.06, Regime.OVERFIT),
        (0.10, 0.20, Regime.OVERFIT),  # bias is exactly half
        (0.11, 0.20, Regime.UNDERFIT),
        (0.40, 0.35, Regime.UNDERFIT),
        (np.nan, 0.35, Regime.DIVERGED),
        (0.95, np.inf, Regime.DIVERGED),  # asked before untrained
    ],
)
def test_rules_are_asked_in_order(train: float, val: float, regime: Regime) -> None:
    row = shares(decide(np.array([[train]]), np.array([[val]])))[0]
    assert regime_of(row, 0.9) is regime


def test_below_the_confidence_nothing_is_decided_and_at_it_it_is() -> None:
    row = np.array([0, 0, 0.85, 0.15, 0])
    assert regime_of(row, 0.9) is Regime.UNDECIDED
    assert regime_of(row, 0.8) is Regime.GOOD
    assert regime_of(row, 0.85) is Regime.GOOD


def test_excess_splits_into_bias_and_gap() -> None:
    b, v, share = split_excess(np.array([0.1, -0.3, 0.4]), np.array([0.3, 0.2, -0.1]))
    assert b == pytest.approx([0.1, 0, 0.4])
    assert b + v == pytest.approx([0.3, 0.2, -0.1])
    assert share[:2] == pytest.approx([1 / 3, 0])
    assert np.isnan(share[2])  # no excess to explain


@given(flipped=st.floats(0, 0.9), classes=st.integers(2, 100))
def test_noise_leaves_uniform_chance_where_it_is(flipped: float, classes: int) -> None:
    chance = (classes - 1) / classes
    assert to_noisy(chance, flipped, classes) == pytest.approx(chance)


def test_noise_correction_agrees_with_drawn_labels() -> None:
    rng = np.random.default_rng(0)
    n, classes = 200_000, 10
    truth = rng.integers(0, classes, n)
    wrong = (truth + rng.integers(1, classes, n)) % classes
    predictions = np.where(rng.random(n) < 0.2, wrong, truth)
    told = np.where(rng.random(n) < 0.3, (truth + rng.integers(1, classes, n)) % classes, truth)
    assert np.mean(predictions != told) == pytest.approx(float(to_noisy(0.2, 0.3, classes)), abs=0.005)


@given(flipped=st.floats(0, 0.6), error=unit, reference=st.floats(0, 0.3), classes=st.sampled_from([10, None]))
def test_train_skill_of_a_net_that_ignores_the_noise_is_that_of_its_clean_error(
    flipped: float, error: float, reference: float, classes: int | None
) -> None:
    scale = Scale(0.9, reference, classes=classes)  # a chance error of .9 alone says ten classes as well
    told = to_noisy(error, flipped, 10)
    assert scale.train_skill(told, flipped) == pytest.approx(float(scale.val_skill(error)), abs=1e-9)
    assert scale.denoised(told, flipped)[0] == pytest.approx(error, abs=1e-9)


@given(
    error=unit,
    flipped=st.floats(0, 1),
    chance=st.floats(0.05, 0.98),
    reference=unit,
    classes=st.integers(2, 100),
)
def test_the_clean_error_of_a_training_error_has_its_skill_and_its_derivative(
    error: float, flipped: float, chance: float, reference: float, classes: int
) -> None:
    scale = Scale(chance, reference, classes=classes)
    clean, steepness = scale.denoised(error, flipped)
    assert scale.val_skill(clean) == pytest.approx(float(scale.train_skill(error, flipped)), abs=1e-9, rel=1e-9)
    further = scale.denoised(error + 1e-3, flipped)[0]
    assert further - clean == pytest.approx(1e-3 * float(steepness), rel=1e-6)


def test_skill_is_0_at_the_reference_and_1_at_chance() -> None:
    assert TEN.val_skill([0.05, 0.9]) == pytest.approx([0, 1])
    assert TEN.at_skill([0, 1]) == pytest.approx([0.05, 0.9])


def test_a_skill_unit_never_closes() -> None:
    scale = Scale(0.9, 0.89)
    assert scale.span == pytest.approx(LEAST_SPAN * 0.9)
    assert scale.val_skill(0.9) == pytest.approx(1)
    assert scale.val_skill(0.9 - LEAST_SPAN * 0.9) == pytest.approx(0)


def test_a_scale_takes_draws_of_the_reference() -> None:
    scale = Scale(0.9, np.array([0.0, 0.45]))
    assert scale.val_skill([[0.45], [0.9]]) == pytest.approx(np.array([[0.5, 0], [1, 1]]))


@pytest.mark.parametrize(("chance", "reference"), [(1.1, 0.1), (0.0, 0.0), (0.9, -0.1), (0.9, 1.1)])
def test_what_is_no_error_rate_is_refused(chance: float, reference: float) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        Scale(chance, reference)


def test_under_random_labels_a_net_at_chance_is_untrained_and_one_that_memorizes_is_not() -> None:
    at_chance, by_heart = TEN.train_skill([0.9, 0.0], 0.9)
    assert at_chance == pytest.approx(1)
    assert by_heart < 0


def test_rate_is_never_0_or_1() -> None:
    assert 0 < rate(0, 2000) < rate(1, 2000) < 1


def test_flip_rate_is_the_realised_one_where_it_was_measured() -> None:
    config = TrialConfig().with_hyperparameters({"label_noise": 0.5})
    assert flip_rate(config, make_epoch(0.1, 0.1, flipped_n=920), 10) == pytest.approx(0.46)
    assert flip_rate(config, make_epoch(0.1, 0.1), 10) == pytest.approx(0.45)
    assert flip_rate(config, None, 4) == pytest.approx(0.375)
