"""Scores of a map."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from fitscape.study.maps.decision import REGIMES
from fitscape.study.maps.scores import boundary_f1, calibration_error, score


def test_calibration_error_is_zero_where_confidence_is_frequency() -> None:
    confidence = np.full(1000, 0.75)
    assert calibration_error(confidence, np.arange(1000) < 750) == pytest.approx(0)
    assert calibration_error(confidence, np.ones(1000, dtype=bool)) == pytest.approx(0.25)


def test_a_confidence_of_one_has_a_bin() -> None:
    assert calibration_error(np.array([1.0, 1.0, 0.55]), np.array([True, False, True])) == pytest.approx(1.45 / 3)


def test_brier_and_log_scores_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(len(REGIMES)), 40)
    truth = np.array([str(rng.choice(REGIMES, p=row)) for row in p])
    columns = dict(zip(REGIMES, p.T, strict=True)) | {"undecided": p.max(1) < 0.9}
    drawn = SimpleNamespace(
        predict=lambda points: pd.DataFrame(columns),
        encoder=SimpleNamespace(features=lambda points: rng.random((40, 2))),
    )
    found = score(drawn, pd.DataFrame(index=range(40)), truth)  # type: ignore[arg-type]
    known = np.array([list(REGIMES).index(name) for name in truth])
    assert found.brier == pytest.approx(brier_score_loss(known, p, labels=range(len(REGIMES)), scale_by_half=False))
    assert found.log_score == pytest.approx(log_loss(known, p, labels=range(len(REGIMES))))
    assert found.accuracy == pytest.approx((p.argmax(1) == known).mean())


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
