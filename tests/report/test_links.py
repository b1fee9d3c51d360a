"""Links from a trial to its run in MLflow, from what the ledger knows."""

from pathlib import Path

import pytest
from small_study import PROVENANCE

from fitscape.study.config import StudyConfig, TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.report.links import mlflow_link
from fitscape.study.report.subject import Subject


def link_of(root: Path, uri: str | None, shipped_to: str | None) -> dict[str, str] | None:
    folder = root / "linked"
    folder.mkdir()
    config = StudyConfig(name="linked", tracking=TrackingConfig(uri=uri))
    with Ledger.create(folder / "ledger.db", config, PROVENANCE) as ledger:
        if shipped_to is not None:
            ledger.set_meta(f"mlflow {shipped_to} fitscape parent", {"experiment_id": "7", "run_id": "abc"})
    return mlflow_link(Subject(open_study(folder)))


def test_a_server_is_linked_to_directly(tmp_path: Path) -> None:
    assert link_of(tmp_path, "http://mlflow:5000/", "http://mlflow:5000/") == {
        "base": "http://mlflow:5000/#/experiments/7",
        "how": "",
    }


def test_the_default_store_is_linked_to_where_fitscape_ui_answers(tmp_path: Path) -> None:
    link = link_of(tmp_path, None, f"sqlite:///{tmp_path.absolute() / 'mlflow.db'}")
    assert link is not None
    assert link["base"] == "http://127.0.0.1:5000/#/experiments/7"
    assert "fitscape ui" in link["how"]


@pytest.mark.parametrize(
    ("uri", "shipped_to"),
    [("http://mlflow:5000", None), (None, None), ("postgresql://db/mlflow", "postgresql://db/mlflow")],
)
def test_what_was_not_shipped_or_no_browser_opens_has_no_link(
    tmp_path: Path, uri: str | None, shipped_to: str | None
) -> None:
    assert link_of(tmp_path, uri, shipped_to) is None
