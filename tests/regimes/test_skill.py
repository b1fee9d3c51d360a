"""One scale for all errors."""

import numpy as np
import pytest
from hand_made import make_epoch
from hypothesis import given
from hypothesis import strategies as st

from fitscape.study.config import TrialConfig
from fitscape.study.regimes import flip_rate, rate, to_clean, to_noisy, train_skill, val_skill

unit = st.floats(0, 1)


@given(error=unit, flipped=st.floats(0, 0.8), classes=st.integers(10, 100))
def test_noise_correction_has_an_inverse(error: float, flipped: float, classes: int) -> None:
    assert to_clean(to_noisy(error, flipped, classes), flipped, classes) == pytest.approx(error, abs=1e-9)


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


@given(flipped=st.floats(0, 0.6), error=unit, reference=st.floats(0, 0.3))
def test_train_skill_of_a_net_that_ignores_the_noise_is_that_of_its_clean_error(
    flipped: float, error: float, reference: float
) -> None:
    told = to_noisy(error, flipped, 10)
    assert train_skill(told, reference, 0.9, flipped, 10) == pytest.approx(
        float(val_skill(error, reference, 0.9)), abs=1e-9
    )


def test_skill_is_0_at_the_reference_and_1_at_chance() -> None:
    assert val_skill([0.05, 0.9], 0.05, 0.9) == pytest.approx([0, 1])


def test_under_random_labels_a_net_at_chance_is_untrained_and_one_that_memorizes_is_not() -> None:
    at_chance, by_heart = train_skill([0.9, 0.0], 0.05, 0.9, 0.9, 10)
    assert at_chance == pytest.approx(1)
    assert by_heart < 0


def test_rate_is_never_0_or_1() -> None:
    assert 0 < rate(0, 2000) < rate(1, 2000) < 1


def test_flip_rate_is_the_realised_one_where_it_was_measured() -> None:
    config = TrialConfig().with_hyperparameters({"label_noise": 0.5})
    assert flip_rate(config, make_epoch(0.1, 0.1, flipped_n=920), 10) == pytest.approx(0.46)
    assert flip_rate(config, make_epoch(0.1, 0.1), 10) == pytest.approx(0.45)
