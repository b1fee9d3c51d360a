"""Grids of a map of many trials."""

from pathlib import Path

import numpy as np
import pytest
from report_studies import simulated_study

from fitscape.study.config import StudyConfig
from fitscape.study.opened import open_study
from fitscape.study.report.sections import planes

SPACE = {"width": {"low": 0.125, "high": 1, "log": True}, "lr": {"low": 0.01, "high": 1, "log": True}}


def test_a_plane_of_many_trials_differs_hardly_from_one_asked_at_every_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = StudyConfig.model_validate({"name": "s", "space": SPACE})
    with open_study(simulated_study(tmp_path, config, 40, epochs=1)) as study:
        fitted = study.map
    for y in ("lr", None):
        monkeypatch.setattr(planes, "MANY", 1000)
        (every,) = planes.grids(fitted, "width", y, {"lr": 0.2}, [0.05])
        monkeypatch.setattr(planes, "MANY", 10)
        (second,) = planes.grids(fitted, "width", y, {"lr": 0.2}, [0.05])
        assert every.shape == second.shape == (4, planes.SIDE if y else 1, planes.SIDE)
        assert (every[..., ::2, ::2] == second[..., ::2, ::2]).all()
        differences = np.abs(every.astype(float) - second) / 255
        assert differences.mean() < 0.003
        assert differences.max() < 0.08
