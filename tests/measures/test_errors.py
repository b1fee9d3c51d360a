"""Plain and balanced errors: scikit-learn's numbers, and intervals that hold the truth where images come in groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks.statistics import groups
from fitscape.study.measures.errors import balanced, macro_f1, plain


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_errors_are_those_of_scikit_learn(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=50)])
    predicted = rng.integers(classes, size=len(labels))
    wrong = labels != predicted
    assert plain(wrong).error == pytest.approx(wrong.mean(), abs=1e-12)
    assert balanced(wrong, labels).error == pytest.approx(1 - balanced_accuracy_score(labels, predicted), abs=1e-12)
    expected = f1_score(labels, predicted, average="macro", labels=range(classes), zero_division=0)
    assert macro_f1(labels, predicted) == pytest.approx(expected, abs=1e-12)


def test_independent_images_of_one_error_are_worth_their_number() -> None:
    wrong = np.arange(1000) % 5 == 0
    assert plain(wrong).effective_n == pytest.approx(1000)
    assert balanced(wrong, np.arange(1000) % 4).effective_n == pytest.approx(1000, rel=0.01)


def test_a_perfect_net_on_five_images_of_each_class_stays_near_zero() -> None:
    found = balanced(np.zeros(50, dtype=bool), np.repeat(np.arange(10), 5))
    assert found.error == 0
    assert 0.5 / (found.effective_n + 1) < 0.02  # Jeffreys class by class: .08


def test_images_of_a_group_that_err_together_are_worth_one() -> None:
    groups = np.repeat(np.arange(50), 8)
    together, apart = groups % 5 == 0, np.arange(400) % 5 == 0
    assert plain(together, groups).effective_n < 90
    assert plain(apart, groups).effective_n > 250


def test_groups_of_one_image_change_nothing() -> None:
    wrong = np.arange(300) % 7 == 0
    assert plain(wrong, np.arange(300)).effective_n == pytest.approx(300)


@pytest.mark.parametrize("metric", groups.METRICS)
@pytest.mark.parametrize("error", [0.05, 0.2])
def test_intervals_of_40_groups_of_8_and_classes_10_to_1_hold_the_truth(metric: str, error: float) -> None:
    """``python -m benchmarks.statistics groups`` asks the same of more truths."""
    found = groups.coverage(groups.PARTS["4 classes"], 0.35, error, metric, rounds=250)
    assert found.held >= 0.85
    assert found.width < 0.3
