"""What the study's own run in MLflow shows."""

import getpass
from pathlib import Path

import pytest
from studies_by_hand import new_ledger, run_by_hand

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.tracking import parent, totals


def test_the_run_names_user_source_and_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    with new_ledger(tmp_path) as ledger:
        ledger.amend(ledger.config, {**ledger.provenance, "code": {"commit": "c0ffee"}})
        tags = parent.tags(ledger, "run")
    assert tags["mlflow.user"] == "ann"
    assert tags["mlflow.source.name"] == "fitscape by-hand"
    assert tags["mlflow.source.git.commit"] == "c0ffee"


def test_an_account_without_a_name_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with new_ledger(tmp_path) as ledger:
        assert parent.tags(ledger, "run").get("mlflow.user", "") == ""


def test_what_a_study_came_to_is_metrics_and_params_that_a_repetition_leaves_as_they_are(tmp_path: Path) -> None:
    config = StudyConfig.model_validate({"name": "by-hand", "space": {"width": {"low": 0.125, "high": 1, "log": True}}})
    with Ledger.create(tmp_path / "ledger.db", config, {"data_fingerprint": "abc"}) as ledger:
        assert totals.points(ledger, {}) == []
        run_by_hand(ledger, seed=0, epochs=2, width=0.5)
        run_by_hand(ledger, seed=1, epochs=4, width=0.25)
        run_by_hand(ledger, seed=2, epochs=1, end=None, width=0.125)
        found = totals.points(ledger, {})
        assert found == totals.points(ledger, {})
    values = {point.key: point.value for point in found}
    assert values["best_val_error"] == 0.5 / 4
    assert (values["trials_ended"], values["trial_seconds"]) == (2, 7 * 1.25)
    assert {point.step for point in found} == {2}
    params = totals.params(config)
    assert params["space.width"] == "0.125 to 1 (log)"
    assert (params["data.dataset"], params["lr"]) == ("digits", "0.1")
    assert "width" not in params


def test_mlflow_shows_them_of_the_parent(server, ledger, ship) -> None:
    run_by_hand(ledger, seed=0, epochs=2)
    ship()
    ship()
    (parent_run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "study"]
    assert parent_run["params"]["search.sampler"] == "sobol"
    assert [point[:2] for point in server.history(parent_run["run_id"], "best_val_error")] == [(1, 0.25)]
