"""MLflow down, hung, locked or full: the study goes on, and MLflow catches up by itself."""

import signal
import sqlite3
import stat
import time

import pytest
import sqlalchemy
from studies_by_hand import epoch_record, run_by_hand, wait_until

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.tracking import Shipper, parent, projection, session, sync

METRICS = len(projection.metrics(epoch_record()))  # points per epoch


@pytest.fixture
def store(ledger, fresh_store):
    """The default store of the test's own root, with an experiment in it."""
    path = ledger.path.parent.parent / "mlflow.db"
    path.write_bytes(fresh_store.content)
    return path


def slowest_write(ledger: Ledger, seed: int) -> float:
    """Seconds that the slowest of a trial's writes to the ledger took."""
    slowest, start = 0.0, time.perf_counter()
    trial_id = run_by_hand(ledger, seed=seed, epochs=0, end=None)
    for epoch in range(1, 6):
        ledger.record_epoch(trial_id, epoch_record(epoch))
        slowest, start = max(slowest, time.perf_counter() - start), time.perf_counter()
    ledger.end_trial(trial_id, TrialState.FINISHED)
    return max(slowest, time.perf_counter() - start)


def test_a_hung_server_holds_up_neither_trials_nor_the_end_and_sync_ships_later(
    server, ledger, config, assert_exactly_once
):
    """Row 9."""
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    slowest_write(ledger, seed=1)
    wait_until(lambda: ledger.cursor(shipper._location.sink) == ledger.events(0, 10**6)[-1].seq)
    server.signal(signal.SIGSTOP)
    assert slowest_write(ledger, seed=2) < 1
    start = time.monotonic()
    backlog = shipper.close(1.5)
    assert time.monotonic() - start < 3
    assert (backlog.runs, backlog.points) == (1, 5 * METRICS)
    assert "no answer in time" in backlog.error
    server.signal(signal.SIGCONT)
    assert sync(ledger.path, config.uri).empty
    assert_exactly_once()


def test_a_server_killed_and_restarted_mid_way_is_caught_up_with(server, ledger, config, assert_exactly_once):
    """Row 8 (the drill has the two minutes)."""
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    first = run_by_hand(ledger, seed=1, epochs=3, end=None)
    wait_until(lambda: ledger.cursor(shipper._location.sink) > 0)
    server.kill()
    assert slowest_write(ledger, seed=2) < 1
    ledger.record_epoch(first, epoch_record(4))
    wait_until(lambda: "nothing answers" in shipper.error)
    server.start()
    ledger.end_trial(first, TrialState.FINISHED)
    assert shipper.close(60).empty
    assert_exactly_once()


def test_a_locked_database_is_waited_out(ledger, store):
    """Row 12 (the drill has the sixty seconds)."""
    run_by_hand(ledger)
    holder = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    shipper = Shipper(ledger.path, TrackingConfig(), interval=0.05)
    shipper.start()
    assert slowest_write(ledger, seed=5) < 1
    assert shipper.close(1).runs == 2
    holder.execute("ROLLBACK")
    holder.close()
    assert sync(ledger.path).empty


def test_a_full_database_is_told_and_shipped_to_once_there_is_room(ledger, store):
    """Row 13."""
    run_by_hand(ledger, epochs=1)
    assert sync(ledger.path).empty
    with sqlite3.connect(store) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def limit(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    run_by_hand(ledger, seed=1, epochs=300)
    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "checkout", limit)
    try:
        shipper = Shipper(ledger.path, TrackingConfig(), interval=0.05)
        shipper.start()
        backlog = shipper.close(3)
        assert "full" in backlog.error
        assert backlog.points == 300 * METRICS
        pages = 2**30
        assert sync(ledger.path).empty
    finally:
        sqlalchemy.event.remove(sqlalchemy.pool.Pool, "checkout", limit)


def test_files_that_cannot_be_stored_do_not_hold_up_metrics_and_go_later(ledger, store, monkeypatch):
    """Row 41. Root may write anywhere, so the folder's place is taken by a file instead of chmod 000."""
    run_by_hand(ledger)
    blocker = store.parent / "mlartifacts"
    blocker.write_text("not a folder")
    blocker.chmod(stat.S_IRUSR)
    shipper = Shipper(ledger.path, TrackingConfig(), interval=0.05)
    shipper.start()
    backlog = shipper.close(5)
    assert (backlog.points, backlog.runs) == (0, 0)
    assert backlog.files == 1
    assert backlog.error
    blocker.unlink()
    assert sync(ledger.path).empty
    assert list(blocker.rglob("ledger.db"))


def test_a_trial_that_mlflow_refuses_does_not_hold_up_the_others_and_is_told(server, ledger, ship, monkeypatch):
    good = run_by_hand(ledger, seed=1)
    bad = run_by_hand(ledger, seed=2)
    good_params = session.projection.params

    def params(trial):
        return ({"a@b": "refused"}, {}) if trial.trial_id == bad else good_params(trial)

    monkeypatch.setattr(session.projection, "params", params)
    backlog = ship()
    assert (backlog.runs, bad in backlog.error) == (1, True)
    states = {run["tags"].get("trial_id"): run["status"] for run in server.runs(ledger.uid)}
    assert states[good] == "FINISHED"
    monkeypatch.undo()
    assert ship().empty


def test_the_parent_says_when_trials_are_missing(ledger):
    """An interrupted study, one whose trials all failed and a whole one end differently."""
    trial_id = run_by_hand(ledger, end=TrialState.FAILED)
    assert parent.state(ledger) == "interrupted"  # the config asks for more trials
    ledger.set_meta("exhausted", True)
    assert parent.state(ledger) == "failed"
    ledger.reopen(trial_id)
    assert parent.state(ledger) == "interrupted"
    ledger.end_trial(trial_id, TrialState.FINISHED)
    assert parent.state(ledger) == "finished"
