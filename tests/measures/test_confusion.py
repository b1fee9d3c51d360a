"""Confusion and errors by class, against scikit-learn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, recall_score

from fitscape.study.measures import class_errors, confusion


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_counts_and_class_errors_are_those_of_scikit_learn(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=40)]).astype(np.uint16)
    predicted = rng.integers(classes, size=len(labels)).astype(np.uint16)
    counts = confusion(labels, predicted, classes)
    assert (counts[:, :classes] == confusion_matrix(labels, predicted, labels=range(classes))).all()
    recalls = recall_score(labels, predicted, average=None, labels=range(classes), zero_division=0)
    np.testing.assert_allclose(class_errors(counts), 1 - recalls, atol=1e-12)


def test_an_image_without_a_class_is_wrong_and_in_the_last_column() -> None:
    counts = confusion([0, 0, 1], [0, 2, 1], 2)
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert class_errors(counts).tolist() == [0.5, 0.0]


def test_a_class_without_images_has_no_error() -> None:
    assert np.isnan(class_errors(confusion([0, 0], [0, 1], 3))[1:]).all()
