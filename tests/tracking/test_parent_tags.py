"""What the study's own run in MLflow is tagged with, without a server."""

import getpass
from pathlib import Path

import pytest
from studies_by_hand import new_ledger

from fitscape.study.tracking import parent


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
