"""From a source to a study: labels, map, points, and what is refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import small_study
from strangers import file_store, landscape, optuna_storage, tune_folder

from fitscape.study.errors import UserError
from fitscape.study.export import export
from fitscape.study.findings import QUESTIONS
from fitscape.study.importing import DataSetFacts, Keys, look, make
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import TrialState
from fitscape.study.search.space import hyperparameters

NAMED, TEN = Keys(train_n=2000, val_n=2000), DataSetFacts(classes=10)


def study_of(source: object, root: Path, asked: Keys = NAMED, facts: DataSetFacts = TEN, **how: object) -> OpenStudy:
    runs, keys = look(source, asked)  # type: ignore[arg-type]
    return open_study(make(runs, keys, "read", root, facts=facts, **how))  # type: ignore[arg-type]


def test_hyperparameters_of_strangers_keep_their_names_types_and_observed_ranges(tmp_path: Path) -> None:
    frame = landscape()
    study = study_of(frame, tmp_path)
    space = hyperparameters(study.space)
    assert list(space) == ["lr", "weight_decay", "layers", "optimizer"]
    assert (space["lr"].low, space["lr"].high, space["lr"].log) == (frame.lr.min(), frame.lr.max(), True)
    assert set(space["optimizer"].choices) == {"adam", "sgd"}
    first = study.trials[0]
    assert first.origin == "read"
    assert first.hyperparameters["layers"] == frame.layers[0]
    assert type(first.hyperparameters["layers"]) is int
    assert [t.last.val_error for t in study.trials if t.last] == frame.val_error.tolist()


def test_a_bowl_is_good_in_the_middle_and_underfits_at_its_rim(tmp_path: Path) -> None:
    study = study_of(landscape(40), tmp_path)
    at = study.map.predict(
        pd.DataFrame([{"lr": lr, "weight_decay": 1e-3, "layers": 1, "optimizer": "sgd"} for lr in (1e-2, 1e-4)])
    )
    assert at["regime"].tolist() == ["good", "underfit"]


def test_our_own_export_read_back_gives_identical_labels(tmp_path: Path) -> None:
    """From the errors, to the last digit; the map of what was read spans the observed ranges, which are narrower."""
    ours = open_study(small_study(tmp_path / "ours"))
    for ending in ("csv", "parquet", "json"):
        file = tmp_path / f"trials.{ending}"
        export(ours, file)
        study = study_of(file, tmp_path / ending, Keys(), DataSetFacts(classes=3, chance_error=0.66))
        names = {t.trial_id: t.extra["run"] for t in study.trials}
        told = {names[trial_id]: label for trial_id, label in study.labels_without_map.items()}
        assert told.keys() == ours.labels_without_map.keys(), ending
        for trial_id, label in ours.labels_without_map.items():
            assert told[trial_id].probabilities == label.probabilities, ending
            assert (told[trial_id].regime, told[trial_id].reference_error) == (label.regime, label.reference_error)
        by_map = {names[trial_id]: label.regime for trial_id, label in study.labels.items()}
        assert by_map == {trial_id: label.regime for trial_id, label in ours.labels.items()}, ending


def test_accuracies_in_per_cent_give_the_same_study_as_errors(tmp_path: Path) -> None:
    frame = landscape()
    turned = frame.drop(columns=["train_error", "val_error"]).assign(
        train_acc=100 * (1 - frame.train_error), val_acc=100 * (1 - frame.val_error)
    )
    a, b = study_of(frame, tmp_path / "a"), study_of(turned, tmp_path / "b")
    assert [x.regime for x in a.labels.values()] == [x.regime for x in b.labels.values()]


def test_scikit_learns_validation_curve_is_a_table_with_folds_as_seeds(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import validation_curve
    from sklearn.tree import DecisionTreeClassifier

    x, y = load_digits(return_X_y=True)
    depths = [1, 2, 4, 8, 12]
    train, test = validation_curve(
        DecisionTreeClassifier(random_state=0), x[:600], y[:600], param_name="max_depth", param_range=depths, cv=3
    )
    frame = pd.DataFrame({
        "max_depth": np.repeat(depths, 3), "fold": np.tile(range(3), 5),
        "train_score": train.ravel(), "test_score": test.ravel(),
    })  # fmt: skip
    study = study_of(frame, tmp_path, Keys(train_n=400, val_n=200))
    assert list(study.space) == ["max_depth"]
    assert sorted({t.config.seed for t in study.trials}) == [0, 1, 2]
    assert len({t.config.group_id for t in study.trials}) == 5
    named = {t.config.theirs["max_depth"]: study.labels[t.trial_id].probabilities for t in study.trials}
    assert named[1]["underfit"] + named[1]["untrained"] > 0.9
    assert named[12]["overfit"] + named[12]["good"] > 0.9


def test_an_optuna_storage_gives_its_parameters_and_their_kinds(tmp_path: Path) -> None:
    frame = landscape(12)
    study = study_of(optuna_storage(tmp_path / "their.db", frame), tmp_path)
    assert [t.last.val_error for t in study.trials if t.last] == frame.val_error.tolist()
    space = hyperparameters(study.space)
    assert space["lr"].log
    assert not space["layers"].log
    same = study_of(tmp_path / "their.db", tmp_path / "again")
    assert [t.trial_id for t in same.trials] == [t.trial_id for t in study.trials]


def test_a_tune_folder_gives_curves_and_nested_parameters(tmp_path: Path) -> None:
    folder = tune_folder(tmp_path / "train_2026", landscape(12))
    with (folder / "train_00003" / "result.json").open("a") as file:
        file.write('{"train_error": 0.1, "val_')  # a crash cut it off
    (folder / "train_00004" / "error.txt").write_text("out of memory")
    study = study_of(folder, tmp_path)
    assert [e.epoch for e in study.trials[0].epochs] == [1, 2, 3]
    assert set(study.space) == {"lr", "model/layers", "optimizer"}
    assert study.trials[4].state is TrialState.FAILED
    assert any("cut off" in note for note in study.provenance["data"]["notes"])


def test_runs_of_equal_parameters_are_replicates_with_seeds_of_their_own(tmp_path: Path) -> None:
    frame = pd.concat([landscape(6)] * 2)
    study = study_of(frame, tmp_path)
    assert len({t.trial_id for t in study.trials}) == 12
    assert len({t.config.group_id for t in study.trials}) == 6


def test_epochs_in_a_table_are_curves(tmp_path: Path) -> None:
    frame = landscape(6).loc[lambda t: t.index.repeat(4)].reset_index(drop=True)
    frame["epoch"] = list(range(4)) * 6
    frame["val_error"] += 0.02 * (3 - frame["epoch"])
    study = study_of(frame, tmp_path)
    assert len(study.trials) == 6
    assert [e.epoch for e in study.trials[0].epochs] == [1, 2, 3, 4]


def test_what_is_assumed_is_written_down(tmp_path: Path) -> None:
    study = study_of(landscape(6), tmp_path, Keys())
    assert any("1,000 validation images" in note for note in study.provenance["data"]["notes"])
    assert study.trials[0].last is not None
    assert study.trials[0].last.val_n == 1000
    assert study.trials[0].last.train_loss is None  # not measured, never zero
    assert math.isnan(study.trials[0].last.learning_rate)


def test_questions_that_the_runs_cannot_answer_say_what_they_lack(tmp_path: Path) -> None:
    study = study_of(landscape(24), tmp_path)
    assert len(study.left_out) == len(QUESTIONS)
    assert "gradient norms" in study.left_out["What keeps gradients alive?"]


def test_the_most_telling_points_lie_in_the_space_and_apart(tmp_path: Path) -> None:
    study = study_of(landscape(24), tmp_path)
    points = study.telling(5)
    assert len({json.dumps(point, sort_keys=True) for point in points}) == 5
    for point in points:
        assert point.keys() == study.space.keys()
        assert all(study.space[name]._contains(study.space[name].to_internal_repr(v)) for name, v in point.items())


@pytest.mark.parametrize(
    ("source", "asked", "facts", "said"),
    [
        (landscape(3), Keys(), DataSetFacts(), "number of classes"),
        (landscape(3), Keys(), DataSetFacts(chance_error=1.5), "not between 0 and 1"),
        (landscape(3), Keys(), DataSetFacts(classes=1), "not a number of classes"),
        (pd.DataFrame(), Keys(), DataSetFacts(classes=3), "holds no run"),
        (
            landscape(3).assign(val_error=np.nan),
            Keys(val="val_error"),
            DataSetFacts(classes=3),
            "no run holds a number",
        ),
        (landscape(3)[["lr", "train_error"]], Keys(), DataSetFacts(classes=3), "no validation error"),
        (landscape(3).assign(**{f"p{i}": range(3) for i in range(70)}), Keys(), TEN, "name those that matter with"),
    ],
)
def test_a_source_that_cannot_be_read_leaves_nothing_behind(
    tmp_path: Path, source: pd.DataFrame, asked: Keys, facts: DataSetFacts, said: str
) -> None:
    with pytest.raises(UserError, match=said) as refused:
        study_of(source, tmp_path / "runs", asked, facts)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.rglob("*"))


def broken_csv(path: Path) -> Path:
    path.write_bytes(b'a,b\n1,2,3,4\n"unclosed')
    return path


def broken_parquet(path: Path) -> Path:
    landscape(3).to_parquet(path)
    path.write_bytes(path.read_bytes()[:200])
    return path


def some_database(path: Path) -> Path:
    path.write_bytes(b"SQLite format 3\0" + bytes(100))
    return path


@pytest.mark.parametrize(
    ("made", "name"), [(broken_csv, "x.csv"), (broken_parquet, "x.parquet"), (some_database, "x.db")]
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, made: object, name: str) -> None:
    assert callable(made)
    with pytest.raises(UserError, match=r"cannot be read|holds neither") as refused:
        look(made(tmp_path / name), NAMED)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["csv", "optuna", "tune", "mlflow"])
def test_too_many_runs_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    runs = landscape(4)
    made: dict[str, Callable[[], object]] = {
        "csv": lambda: runs.to_csv(tmp_path / "x.csv") or tmp_path / "x.csv",
        "optuna": lambda: optuna_storage(tmp_path / "x.db", runs),
        "tune": lambda: tune_folder(tmp_path / "train", runs),
        "mlflow": lambda: file_store(tmp_path / "mlruns", [{"params": {}, "metrics": {}}] * 4),
    }
    source = made[kind]()
    monkeypatch.setattr("fitscape.study.importing.runs.MOST_RUNS", 3)
    with pytest.raises(UserError, match="holds more than 3 runs") as refused:
        look(source, NAMED)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "tune"])
def test_a_source_too_large_for_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    file, runs = tmp_path / f"x.{ending}", landscape(200)
    if ending == "tune":
        tune_folder(file, runs[:9])
    else:
        getattr(runs, f"to_{ending}")(file)
    monkeypatch.setattr("fitscape.study.importing.runs.MOST_BYTES", 1000)
    monkeypatch.setattr(pd, f"read_{ending}", None, raising=False)
    with pytest.raises(UserError, match=f"{file.name}: holds 0 MiB, and 0 MiB can be read"):
        look(file, NAMED)


def test_a_study_of_ours_needs_no_reading(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a study of fitscape"):
        look(small_study(tmp_path) / "ledger.db", NAMED)
    with pytest.raises(UserError, match="there is nothing here"):
        look(tmp_path / "nowhere.csv", NAMED)


def test_a_ledger_of_read_runs_opens_like_any_other_and_sends_nothing(tmp_path: Path) -> None:
    study = study_of(landscape(6), tmp_path)
    with Ledger.open(tmp_path / "read" / "ledger.db") as ledger:
        assert ledger.read_from is not None
        assert ledger.read_from["kind"] == "table"
        assert [t.trial_id for t in ledger.trials()] == [t.trial_id for t in study.trials]
        assert all(t.config.trial_id == t.trial_id for t in ledger.trials())
