"""A ledger that MLflow is ahead of: a copy takes nothing away there, and one that was restored goes on."""

import shutil
from pathlib import Path

import pytest
from studies_by_hand import run_by_hand

from fitscape.study.ledger import Ledger, restore
from fitscape.study.tracking import session, sync


def copy_of(ledger: Ledger, to: Path) -> Path:
    """The study as `fetch` brings it to another machine."""
    folder = to / ledger.path.parent.name
    folder.mkdir(parents=True)
    ledger.backup(folder / "ledger.db")
    return folder / "ledger.db"


def test_an_old_copy_of_the_ledger_takes_nothing_from_mlflow(server, ledger, proxy, tmp_path, assert_exactly_once):
    for seed in range(2):
        run_by_hand(ledger, seed=seed)
    assert sync(ledger.path, proxy.uri).empty
    old = copy_of(ledger, tmp_path / "elsewhere")
    for seed in range(2, 8):
        run_by_hand(ledger, seed=seed)
    assert sync(ledger.path, proxy.uri).empty
    uploads = sum(call.method == "PUT" for call in proxy.calls)
    with pytest.raises(session.OldCopy, match="MLflow is ahead of this copy"):
        sync(old, proxy.uri)
    assert sum(call.method == "PUT" for call in proxy.calls) == uploads
    assert_exactly_once()


def test_an_old_copy_is_known_by_runs_that_it_lacks_where_0_1_0_left_no_generation(
    server, ledger, proxy, tmp_path, monkeypatch, assert_exactly_once
):
    monkeypatch.setattr(session.parent, "GENERATION", "of no meaning")
    run_by_hand(ledger, seed=0)
    assert sync(ledger.path, proxy.uri).empty
    old = copy_of(ledger, tmp_path / "elsewhere")
    run_by_hand(ledger, seed=1)
    assert sync(ledger.path, proxy.uri).empty
    monkeypatch.undo()
    with pytest.raises(session.OldCopy, match="runs of 1 trials that the ledger does not know"):
        sync(old, proxy.uri)
    assert_exactly_once()


def test_a_restored_ledger_goes_on_and_the_runs_of_the_time_before_stay(server, ledger, proxy, tmp_path):
    known = run_by_hand(ledger, seed=0)
    old = copy_of(ledger, tmp_path / "backup")
    lost = run_by_hand(ledger, seed=1, epochs=5)
    assert sync(ledger.path, proxy.uri).empty
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"].get("trial_id") == lost]
    path = ledger.path
    ledger.close()
    restore(path, old)
    shutil.rmtree(old.parent)
    assert sync(path, proxy.uri).empty
    kinds = {r["run_id"]: r["tags"]["kind"] for r in server.runs(run["tags"]["study_uid"])}
    assert kinds[run["run_id"]] == "lost"
    of_known = [r for r in server.runs(run["tags"]["study_uid"]) if r["tags"].get("trial_id") == known]
    assert [r["tags"]["kind"] for r in of_known] == ["trial"], "MLflow shows of it what the ledger holds"
    assert len(server.history(run["run_id"], "val_error")) == 5
    assert sync(path, proxy.uri).empty, "and it stays so"
