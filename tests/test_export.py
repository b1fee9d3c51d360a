"""A study's trials as files for other tools."""

import json
import math
import sqlite3
from pathlib import Path

import optuna
import pandas as pd
import pytest
from hand_made import make_epoch
from small_study import PROVENANCE, small_study

from fitscape.study.config import SearchConfig, StudyConfig
from fitscape.study.errors import UserError
from fitscape.study.export import export
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import TrialState

COLUMNS = [
    *("trial_id", "state", "attempts", "regime", "regime_probability"),
    *("regime_set", "p_diverged", "p_untrained", "p_good", "p_overfit", "p_underfit", "regime_by_map", "regime_flags"),
    *("unsettled_by", "seeds_needed", "images_needed", "family", "depth", "width"),
    *("parameters", "flops", "architecture", "lr", "seed", "epochs"),
    *("train_loss", "train_error", "val_loss", "val_error", "gap", "val_balanced_error", "val_macro_f1"),
    *("train_n", "val_n", "flipped_n", "val_error_a", "val_error_b", "seconds"),
]


@pytest.fixture
def study(tmp_path: Path) -> OpenStudy:
    return open_study(small_study(tmp_path))


def test_json_has_one_row_a_trial_with_the_columns_in_order(study: OpenStudy, tmp_path: Path) -> None:
    assert export(study, tmp_path / "out.json") == len(study.trials) == 18
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [list(row) for row in rows] == [COLUMNS] * 18
    by_state = {row["state"]: row for row in rows}
    assert set(by_state) == {state.value for state in TrialState}
    first = rows[0]
    assert (first["regime"], first["family"], first["depth"], first["epochs"]) == ("good", "resnet", 18, 2)
    assert first["regime_set"] == "good"
    assert first["p_good"] > 0.9
    assert sum(
        first[f"p_{name}"] for name in ("diverged", "untrained", "good", "overfit", "underfit")
    ) == pytest.approx(1)
    assert (first["unsettled_by"], first["seeds_needed"], first["images_needed"]) == (None, None, None)
    assert first["gap"] == pytest.approx(0.03)
    assert first["seconds"] == 4.0
    assert first["parameters"] == 2**53 + 1  # not rounded through a float
    assert by_state["finished"]["attempts"] == 1


def test_what_was_not_measured_is_null_and_never_zero(study: OpenStudy, tmp_path: Path) -> None:
    export(study, tmp_path / "out.json")
    by_state = {row["state"]: row for row in json.loads((tmp_path / "out.json").read_text())}
    for name in ("train_loss", "train_error", "val_loss", "val_error", "gap", "regime", "parameters"):
        assert by_state["pending"][name] is None
    assert by_state["diverged"]["train_error"] is None
    assert by_state["diverged"]["regime"] == "diverged"
    assert by_state["pending"]["attempts"] == by_state["pending"]["epochs"] == 0


def test_what_was_not_measured_is_nan_in_the_text_of_a_csv(study: OpenStudy, tmp_path: Path) -> None:
    """Not an empty cell, which a spreadsheet counts as zero in a sum, and not nan, which it takes for a word."""
    export(study, tmp_path / "out.csv")
    head, *rows = (tmp_path / "out.csv").read_text().splitlines()
    errors = [row.split(",")[head.split(",").index("train_error")] for row in rows if ",pending," in row]
    assert set(errors) == {"NaN"}
    assert any(",NaN," in row for row in rows)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_read_back_the_same(study: OpenStudy, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    export(study, path)
    frame = pd.read_csv(path, dtype={"parameters": "Int64"}) if ending == "csv" else pd.read_parquet(path)
    assert list(frame.columns) == COLUMNS
    assert list(frame["trial_id"]) == [trial.trial_id for trial in study.trials]
    diverged = frame[frame["state"] == "diverged"].iloc[0]
    assert math.isnan(diverged["train_error"])
    assert frame["val_error"].isna().sum() == 3  # diverged, failed, pending
    assert frame["parameters"].dropna().unique().tolist() == [2**53 + 1]


def test_optuna_storage_holds_states_values_and_attributes(study: OpenStudy, tmp_path: Path) -> None:
    export(study, tmp_path / "out.db")
    made = optuna.load_study(study_name="small", storage=f"sqlite:///{tmp_path / 'out.db'}")
    assert made.metric_names == ["train_error", "val_error"]
    trials = {t.user_attrs["trial_id"]: t for t in made.trials}
    assert list(trials) == [t.trial_id for t in study.trials]
    states = {t.user_attrs["state"]: t.state.name for t in made.trials}
    assert states == {
        "finished": "COMPLETE",
        "stopped": "FAIL",
        "diverged": "FAIL",
        "failed": "FAIL",
        "running": "RUNNING",
        "pending": "WAITING",
    }
    first = made.trials[0]
    assert first.values == [0.02, 0.05]
    assert first.params == {"architecture": "resnet18", "width": 0.5, "lr": 0.1}
    assert first.user_attrs["regime"] == "good"
    off = made.trials[12]
    assert (off.params, off.user_attrs["outside"]) == ({"lr": 0.1}, ["architecture", "width"])


def test_an_export_replaces_the_old_file_whole_where_that_is_asked_for(study: OpenStudy, tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    path.write_text("old")
    export(study, path, overwrite=True)
    export(study, path, overwrite=True)
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.db", "small"]


def test_a_failed_export_leaves_the_old_file(study: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def full(self: pd.DataFrame, to: Path, **_: object) -> None:
        to.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(UserError, match=r"out\.csv: cannot be written: No space left"):
        export(study, path, overwrite=True)
    assert path.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "small"]


def test_a_study_that_is_open_gives_the_same_table_and_its_curves(study: OpenStudy, tmp_path: Path) -> None:
    export(study, tmp_path / "out.parquet")
    written = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(study.table().convert_dtypes(), written.convert_dtypes())
    curves = study.curves()
    assert len(curves) == sum(len(trial.epochs) for trial in study.trials)
    first = curves[curves["trial_id"] == study.trials[0].trial_id]
    assert first["epoch"].tolist() == [1, 2]
    assert first["gap"].tolist() == pytest.approx([0.03, 0.03])
    assert curves["val_error"].isna().any()  # of the one that diverged


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_an_unknown_ending_is_refused_with_the_known_ones(study: OpenStudy, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.json, \.csv, \.parquet, \.db"):
        export(study, tmp_path / name)


def test_a_missing_folder_is_named(study: OpenStudy, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/out\.csv: cannot be written"):
        export(study, tmp_path / "nowhere" / "out.csv")


def test_words_and_numbers_in_one_column_still_make_parquet(tmp_path: Path) -> None:
    from small_study import PROVENANCE

    from fitscape.study.config import Choices, StudyConfig
    from fitscape.study.ledger import Ledger

    config = StudyConfig(name="mixed", space={"steps_per_epoch": Choices(choices=(5, 10))})
    with Ledger.create(tmp_path / "ledger.db", config, PROVENANCE) as ledger:
        ledger.add_trial(config.base, {}, "enqueue")
        ledger.add_trial(config.base.with_hyperparameters({"steps_per_epoch": 5}), {"steps_per_epoch": 5}, "sobol")
    export(open_study(tmp_path), tmp_path / "out.parquet")
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert frame["steps_per_epoch"].isna().tolist() == [True, False]


@pytest.fixture
def searched_epochs(tmp_path: Path) -> OpenStudy:
    """Two trials asked for 3 and 8 epochs, of which the second diverged after 2."""
    config = StudyConfig(name="long", space={"epochs": {"low": 2, "high": 9}}, search=SearchConfig(trials=2))
    with Ledger.create(tmp_path / "ledger.db", config, PROVENANCE) as ledger:
        for asked, ran, state in ((3, 3, TrialState.FINISHED), (8, 2, TrialState.DIVERGED)):
            point = {"epochs": asked}
            trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol").trial_id
            ledger.start_attempt(trial, "here", "cpu")
            for epoch in range(1, ran + 1):
                ledger.record_epoch(trial, make_epoch(0.1, 0.2, epoch=epoch))
            ledger.end_trial(trial, state)
    return open_study(tmp_path)


@pytest.mark.parametrize("ending", ["json", "csv", "parquet"])
def test_searched_epochs_are_exported_beside_those_that_were_run(
    searched_epochs: OpenStudy, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"out.{ending}"
    export(searched_epochs, path)
    frame = getattr(pd, f"read_{ending}")(path)
    assert frame["epochs_asked"].tolist() == [3, 8]
    assert frame["epochs"].tolist() == [3, 2]


def test_optuna_trials_take_the_time_that_they_took(study: OpenStudy, tmp_path: Path) -> None:
    export(study, tmp_path / "out.db")
    made = optuna.load_study(study_name="small", storage=f"sqlite:///{tmp_path / 'out.db'}")
    for trial, written in zip(study.trials, made.trials, strict=True):
        started = written.datetime_start and written.datetime_start.timestamp()
        completed = written.datetime_complete and written.datetime_complete.timestamp()
        assert started == pytest.approx(trial.started_at, abs=1e-5) if trial.state.terminal else True
        assert completed == pytest.approx(trial.ended_at, abs=1e-5) if trial.state.terminal else completed is None
