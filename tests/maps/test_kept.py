"""A fitted map is kept in the study's folder, and found there as long as it is of this ledger."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_studies import simulated_study

from fitscape.study.config import StudyConfig
from fitscape.study.driver.deletion import delete
from fitscape.study.ledger import Ledger
from fitscape.study.maps import RegimeMap, kept
from fitscape.study.opened import OpenStudy, open_study

SPACE = {"width": {"low": 0.125, "high": 1, "log": True}, "lr": {"low": 0.01, "high": 1, "log": True}}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> OpenStudy:
    """Whose map and labels were asked for, and kept."""
    root, config = tmp_path_factory.mktemp("kept"), StudyConfig.model_validate({"name": "s", "space": SPACE})
    folder = simulated_study(root, config, 32, epochs=2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "FEWEST", 20)
        with open_study(folder) as study:
            assert study.labels
    return study


@pytest.fixture
def folder(once: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "FEWEST", 20)
    return Path(shutil.copytree(once.folder, tmp_path / once.folder.name))


def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted anew")

    monkeypatch.setattr(RegimeMap, "fit", fit)


def test_a_kept_map_gives_what_the_fitted_one_gave(
    once: OpenStudy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, points = once.map, pd.DataFrame({"width": [0.2, 0.9], "lr": [0.02, 0.9]})
    no_fit(monkeypatch)
    with open_study(folder) as study:
        found = study.map
        assert repr(study.labels) == repr(once.labels), "NaN is itself here"
    pd.testing.assert_frame_equal(found.predict(points), fitted.predict(points))
    pd.testing.assert_frame_equal(found.share(points=32, draws=12), fitted.share(points=32, draws=12))
    assert found.nearest({"width": 0.2, "lr": 0.02}) == fitted.nearest({"width": 0.2, "lr": 0.02})
    assert found.reference_interval() == fitted.reference_interval()
    assert (found.diverged == fitted.diverged).all()
    assert found.diverged.any()


def test_a_map_of_few_trials_is_not_kept(once: OpenStudy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fewest, there in ((32, True), (33, False)):
        monkeypatch.setattr(kept, "FEWEST", fewest)
        with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
            assert (kept.Kept.of(folder, ledger) is not None) is there


def test_the_next_trial_makes_it_another_map(folder: Path) -> None:
    with open_study(folder) as study:
        before, trial = study.map, study.trials[0]
    point = {"width": 0.3, "lr": 0.3}
    with Ledger.open(folder / "ledger.db") as ledger:
        trial_id = ledger.add_trial(study.config.base.with_hyperparameters(point), point, "sobol").trial_id
        ledger.record_epoch(trial_id, trial.epochs[0])
        ledger.end_trial(trial_id, trial.state)
    with open_study(folder) as study:
        assert len(study.map.evidence) == len(before.evidence) + 1


def test_other_code_reads_neither_map_nor_labels(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_code", lambda: "of another release")
    no_fit(monkeypatch)
    with open_study(folder) as study, pytest.raises(AssertionError, match="fitted anew"):
        _ = study.labels


@pytest.mark.parametrize("name", ["map.npz", "labels.json"])
def test_what_cannot_be_read_is_made_anew(folder: Path, name: str) -> None:
    with open_study(folder) as study:
        labels = study.labels
    (folder / name).write_bytes(b"PK\x03\x04")
    with open_study(folder) as study:
        assert repr(study.labels) == repr(labels), "NaN is itself here"
        assert study.map


def test_a_map_of_objects_runs_no_code(folder: Path) -> None:
    with np.load(folder / "map.npz") as file:
        found = dict(file)
    np.savez(folder / "map.npz", **(found | {"features": np.array([print], dtype=object)}), allow_pickle=True)
    with open_study(folder) as study:
        assert study.map.features.dtype == float


def test_it_goes_with_the_study(folder: Path) -> None:
    assert {"map.npz", "labels.json"} <= {file.name for file in folder.iterdir()}
    assert delete(folder) == []
