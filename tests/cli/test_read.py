"""``fitscape read`` as a person meets it."""

import json
from pathlib import Path

import pytest
from command import Command
from strangers import landscape


@pytest.fixture
def table(tmp_path: Path) -> str:
    frame = landscape(24).assign(state="finished")
    frame.loc[[3, 5], "state"] = "failed"
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return str(tmp_path / "runs.csv")


def test_what_is_guessed_is_shown_and_not_taken_unasked(fitscape: Command, table: str, tmp_path: Path) -> None:
    ran = fitscape("read", table, "--name", "theirs", "--classes", "10")
    assert ran.code == 2
    assert "training    train_error  (guessed)" in ran.err
    assert "--train train_error --val val_error --params lr,weight_decay,layers,optimizer" in ran.err
    assert not (tmp_path / "fitscape-runs").exists()


def test_a_read_study_answers_every_command_and_cannot_be_resumed(
    fitscape: Command, table: str, tmp_path: Path
) -> None:
    ran = fitscape("read", table, "--name", "theirs", "--classes", "10", "--val-n", "2000", "--yes", "--points", "json")
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)) == 5
    assert "theirs: 24 runs, " in ran.err
    assert ", 2 failed without a label\n" in ran.err
    page = (tmp_path / "fitscape-runs/theirs/report/index.html").read_text()
    assert "Questions that these runs do not answer" in page
    assert "weight decay" in page
    status = fitscape("status", "theirs")
    assert f"read     from {table}" in status.out
    at = fitscape("map", "theirs", "--at", "lr=0.01", "--at", "optimizer=sgd", "--at", "weight_decay=1e-3")
    assert at.code == 0, at.err
    assert "layers=" in at.out
    assert "is outside" in fitscape("map", "theirs", "--at", "lr=word").refusal
    assert fitscape("export", "theirs", "--to", "again.csv").code == 0
    assert fitscape("export", "theirs", "--to", "again.db").code == 0
    assert "so there is nothing to resume" in fitscape("resume", "theirs").refusal
    assert "enqueue_trial({'lr':" in fitscape("map", "theirs", "--points", "optuna").out
    assert "points_to_evaluate = [" in fitscape("map", "theirs", "--points", "tune").out
    again = fitscape("run", "fitscape-runs/theirs/study.yaml", "--name", "again")
    assert "runs that were read" in again.refusal


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--points", "yaml"), "'yaml' is not one of json, optuna, tune"),
        (("--unit", "bits"), "'bits' is not one of"),
        (("--val-n", "0"), "0 is not a number of images"),
        (("--yes", "--tau", "0.1"), "No such option"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_read(
    fitscape: Command, table: str, words: tuple[str, ...], said: str
) -> None:
    assert said in fitscape("read", table, "--name", "theirs", *words).refusal


def test_the_map_needs_a_point_or_a_form_of_points(fitscape: Command, small: Path) -> None:
    assert "--at: is required" in fitscape("map", "small").refusal
