import pytest
import requests
from studies_by_hand import run_by_hand

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.tracking import fetch, serve_ui


def test_a_study_comes_back_with_ledger_config_and_report(server, ledger, ship, config, tmp_path):
    folder = ledger.path.parent
    (folder / "study.yaml").write_text("name: by-hand\n")
    (folder / "report").mkdir()
    (folder / "report" / "index.html").write_text("<h1>map</h1>")
    run_by_hand(ledger, epochs=3)
    ship()
    brought = fetch("by-hand", config, tmp_path / "laptop")
    assert {file.name for file in brought.iterdir()} >= {"study.yaml", "ledger.db", "report"}
    assert (brought / "report" / "index.html").read_text() == "<h1>map</h1>"
    with Ledger.open(brought / "ledger.db") as copy:
        assert copy.trials() == ledger.trials()
    with pytest.raises(UserError, match="already here"):
        fetch("by-hand", config, tmp_path / "laptop")
    assert [path.name for path in (tmp_path / "laptop").iterdir()] == ["by-hand"]


def test_an_unknown_study_and_a_server_that_is_away_are_one_line(server, config, tmp_path):
    with pytest.raises(UserError, match="no study nothing"):
        fetch("nothing", config, tmp_path)
    with pytest.raises(UserError, match="nothing answers"):
        fetch("by-hand", TrackingConfig(uri="http://127.0.0.1:9"), tmp_path)


def test_the_ui_shows_the_report_of_a_study_and_needs_a_store(server, ledger, ship, tmp_path):
    """The room's server is the one that `fitscape ui` becomes."""
    (ledger.path.parent / "report").mkdir()
    (ledger.path.parent / "report" / "index.html").write_text("<h1>map</h1>")
    ship()
    (parent,) = server.runs(ledger.uid)
    query = {"run_uuid": parent["run_id"], "path": "report/index.html"}
    assert requests.get(f"{server.uri}/get-artifact", params=query, timeout=30).text == "<h1>map</h1>"
    with pytest.raises(UserError, match="no MLflow store"):
        serve_ui(tmp_path)
