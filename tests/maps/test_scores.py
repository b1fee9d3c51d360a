"""Scores of a map."""

import numpy as np
import pytest

from fitscape.study.maps.scores import boundary_f1, calibration_error


def test_calibration_error_is_zero_where_confidence_is_frequency() -> None:
    confidence = np.full(1000, 0.75)
    assert calibration_error(confidence, np.arange(1000) < 750) == pytest.approx(0)
    assert calibration_error(confidence, np.ones(1000, dtype=bool)) == pytest.approx(0.25)


def test_boundary_f1_is_one_for_the_truth_and_falls_with_the_distance() -> None:
    x = np.random.default_rng(0).random((600, 2))
    true = (x[:, 0] > 0.5).astype(int)
    scores = [boundary_f1(x, true, (x[:, 0] > at).astype(int)) for at in (0.5, 0.53, 0.7)]
    assert scores[0] == 1
    assert scores[0] > scores[1] > scores[2]


def test_boundary_f1_without_any_boundary() -> None:
    x = np.random.default_rng(0).random((50, 2))
    same = np.zeros(50, dtype=int)
    assert boundary_f1(x, same, same) == 1
    assert boundary_f1(x, same, (x[:, 0] > 0.5).astype(int)) == 0
