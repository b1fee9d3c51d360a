"""What is durable is so before anybody is told; what is read in one reading is one state."""

import sqlite3
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from studies_by_hand import epoch_record, new_ledger, run_by_hand

from fitscape.study.errors import LedgerDamaged, UserError
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.ledger.database import translated
from fitscape.study.records import TrialState


def statements(ledger: Ledger, act: Any) -> list[str]:
    """What SQLite was asked to do."""
    heard: list[str] = []
    ledger._database._connection.set_trace_callback(heard.append)
    act()
    ledger._database._connection.set_trace_callback(None)
    return heard


@pytest.mark.parametrize(
    "act",
    [
        lambda ledger, trial_id: ledger.end_trial(trial_id, TrialState.FINISHED),
        lambda ledger, trial_id: ledger.add_note("test_opened", {}),
        lambda ledger, trial_id: ledger.release(),
        lambda ledger, trial_id: ledger.amend(ledger.config, {"other": 1}),
        lambda ledger, trial_id: ledger.harden(),
    ],
    ids=["end", "note", "release", "amend", "harden"],
)
def test_what_must_outlive_a_power_cut_waits_for_the_disk_before_its_commit(tmp_path: Path, act: Any) -> None:
    with new_ledger(tmp_path) as ledger:
        trial_id = run_by_hand(ledger, end=None)
        heard = statements(ledger, lambda: act(ledger, trial_id))
        commit = len(heard) - 1 - heard[::-1].index("COMMIT")
        assert [line for line in heard[:commit] if "synchronous" in line][-1] == "PRAGMA synchronous = FULL"


def test_an_epoch_waits_for_no_disk(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        trial_id = run_by_hand(ledger, end=None)
        heard = statements(ledger, lambda: ledger.record_epoch(trial_id, epoch_record(9)))
        assert [line for line in heard if "synchronous" in line] == ["PRAGMA synchronous = NORMAL"]


def test_one_reading_sees_one_state_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger, Ledger.open(tmp_path / "ledger.db") as other:
        trial_id = run_by_hand(ledger, epochs=2, end=None)
        with ledger._database.read() as connection:
            query = "SELECT count(*) FROM epochs"
            (before,) = connection.execute(query).fetchone()
            other.record_epoch(trial_id, epoch_record(3))
            (after,) = connection.execute(query).fetchone()
        assert (before, after) == (2, 2)
        assert len(ledger.trial(trial_id).epochs) == 3


def test_trials_and_their_epochs_are_of_one_state(tmp_path: Path) -> None:
    """A trial that ends between the two queries of a reading would else be finished and lack its last epoch."""
    with new_ledger(tmp_path) as ledger, Ledger.open(tmp_path / "ledger.db") as other:
        trial_id = run_by_hand(ledger, epochs=1, end=None)

        def end(statement: str) -> None:
            if "FROM epochs" in statement:
                ledger._database._connection.set_trace_callback(None)
                other.record_epoch(trial_id, epoch_record(2))
                other.end_trial(trial_id, TrialState.FINISHED)

        ledger._database._connection.set_trace_callback(end)
        (trial,) = ledger.trials()
        assert (trial.state, len(trial.epochs)) == (TrialState.RUNNING, 1)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (sqlite3.OperationalError("locking protocol"), UserError, "SQLite refuses: locking protocol"),
        (sqlite3.DatabaseError("who knows"), UserError, "SQLite refuses: who knows"),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), sqlite3.ProgrammingError, "closed"),
    ],
)
def test_an_error_without_a_code_of_sqlite_is_no_damage(error: Exception, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text) as caught, translated(Path("ledger.db")):
        raise error
    assert not isinstance(caught.value, LedgerDamaged)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_LOCKED])
def test_every_refusal_of_sqlite_is_one_line_that_may_be_tried_again(code: int) -> None:
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorcode = code
    with pytest.raises(UserError, match="SQLite refuses: locking protocol"), translated(Path("ledger.db")):
        raise error


def test_two_processes_that_write_and_one_that_reads_lose_nothing(tmp_path: Path) -> None:
    """Each writer sees the other's transactions; a reader sees whole ones only."""
    with new_ledger(tmp_path) as ledger:
        trials = [run_by_hand(ledger, seed=seed, epochs=0, end=None) for seed in range(2)]
    context = get_context("fork")
    barrier = context.Barrier(3)
    writers = [context.Process(target=_write, args=(tmp_path / "ledger.db", trial, barrier)) for trial in trials]
    for writer in writers:
        writer.start()
    with Ledger.open(tmp_path / "ledger.db", read_only=True) as reader:
        barrier.wait(timeout=60)
        while any(writer.is_alive() for writer in writers):
            events = len([e for e in reader.events(0, 10**6) if e.kind is EventKind.EPOCH])
            assert events <= sum(len(trial.epochs) for trial in reader.trials())
    assert [writer.exitcode for writer in writers] == [0, 0]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert [[r.epoch for r in trial.epochs] for trial in ledger.trials()] == [list(range(1, 61))] * 2
        told = Counter((e.trial_id, e.epoch) for e in ledger.events(0, 10**6) if e.kind is EventKind.EPOCH)
        assert set(told.values()) == {1}
        assert len(told) == 120


def _write(path: Path, trial_id: str, barrier: Any) -> None:
    with Ledger.open(path) as ledger:
        barrier.wait(timeout=60)
        for epoch in range(1, 61):
            ledger.record_epoch(trial_id, epoch_record(epoch))
