import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies_by_hand import epoch_record, new_ledger, run_by_hand

from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger, database, restore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed ledger of five trials with a backup beside it."""
    with new_ledger(tmp_path) as ledger:
        for seed in range(5):
            run_by_hand(ledger, seed=seed, epochs=20)
        ledger.backup(tmp_path / BACKUP)
    return tmp_path / "ledger.db"


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)


def make_it_text(path: Path) -> None:
    path.write_text("not a database " * 1000)


def empty_it(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [halve, overwrite_a_page, make_it_text, empty_it])
def test_a_damaged_ledger_names_itself_and_its_backup_and_is_restored_from_it(path, damage):
    """Rows 16 and 18: never a silent restart from nothing."""
    damage(path)
    with pytest.raises(UserError) as caught:
        Ledger.open(path)
    assert str(path) in str(caught.value)
    assert str(path.with_name(BACKUP)) in str(caught.value)
    restore(path, path.with_name(BACKUP))
    with Ledger.open(path) as ledger:
        assert [len(trial.epochs) for trial in ledger.trials()] == [20] * 5
        assert [note.kind for note in ledger.notes()] == ["restored"]
    assert path.with_name("ledger.db.damaged").exists()


def test_a_damaged_ledger_without_a_backup_says_so(path):
    path.with_name(BACKUP).unlink()
    halve(path)
    with pytest.raises(UserError, match="no backup"):
        Ledger.open(path)


def test_restore_does_not_replay_the_damaged_files_log_over_the_backup(path):
    """A kill -9 leaves a write-ahead log; beside another database file it would damage it."""
    ledger = Ledger.open(path)
    run_by_hand(ledger, seed=99)
    log = path.with_name("ledger.db-wal").read_bytes()
    ledger.close()
    path.with_name("ledger.db-wal").write_bytes(log)
    halve(path)
    restore(path, path.with_name(BACKUP))
    with Ledger.open(path) as restored:
        assert len(restored.trials()) == 5


def test_a_damaged_backup_is_refused_and_the_ledger_left_alone(path):
    before = path.read_bytes()
    halve(path.with_name(BACKUP))
    with pytest.raises(UserError):
        restore(path, path.with_name(BACKUP))
    assert path.read_bytes() == before


def test_a_backup_taken_while_others_write_is_whole_and_replaces_the_previous_one(path):
    with Ledger.open(path) as ledger:
        trial_id = run_by_hand(ledger, seed=99, epochs=1, end=None)
        ledger.backup(path.with_name(BACKUP))
        ledger.record_epoch(trial_id, epoch_record(2))
    with Ledger.open(path.with_name(BACKUP), read_only=True) as copy:
        assert len(copy.trial(trial_id).epochs) == 1
    assert {p.name for p in path.parent.iterdir()} == {"ledger.db", BACKUP}


def test_every_backup_is_whole_while_another_process_writes(path):
    writer = (
        "import sys, pathlib; from studies_by_hand import *\n"
        "from fitscape.study.ledger import Ledger\n"
        "ledger = Ledger.open(pathlib.Path(sys.argv[1]))\n"
        "print(flush=True)\n"
        "for seed in range(1000, 100000):\n"
        "    run_by_hand(ledger, seed=seed, epochs=5)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE, env=environment)
    try:
        process.stdout.readline()
        sizes = []
        with Ledger.open(path) as ledger:
            for _ in range(10):
                ledger.backup(path.with_name(BACKUP))
                with Ledger.open(path.with_name(BACKUP), read_only=True) as copy:
                    trials = copy.trials()
                assert all(len(t.epochs) == 5 for t in trials if t.config.seed >= 1000 and t.state.terminal)
                sizes.append(len(trials))
                time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0], "something was written meanwhile"


def test_a_full_disk_names_the_file_and_leaves_what_was_there(path):
    """Row 14."""
    with Ledger.open(path) as ledger:
        connection = ledger._database._connection
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
        with pytest.raises(UserError, match="full") as caught:
            run_by_hand(ledger, seed=99, epochs=5000)
        assert str(path) in str(caught.value)
    with Ledger.open(path) as ledger:
        assert [len(trial.epochs) for trial in ledger.trials()[:5]] == [20] * 5


def test_a_locked_ledger_is_one_line_after_a_bounded_wait(path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    with Ledger.open(path) as ledger:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="locked"):
            run_by_hand(ledger, seed=99)
        other.execute("ROLLBACK")
        run_by_hand(ledger, seed=99)
    other.close()


def test_a_read_only_ledger_refuses_to_write(path):
    with Ledger.open(path, read_only=True) as ledger, pytest.raises(UserError, match="read-only"):
        run_by_hand(ledger, seed=99)


def test_a_missing_or_newer_ledger_says_what_to_do(path):
    with pytest.raises(UserError, match="no ledger"):
        Ledger.open(path.with_name("none.db"))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UserError, match="newer fitscape"):
        Ledger.open(path)


def test_a_file_that_a_killed_creation_left_empty_is_built_anew(tmp_path):
    (tmp_path / "ledger.db").touch()
    with new_ledger(tmp_path) as ledger:
        assert ledger.trials() == []
