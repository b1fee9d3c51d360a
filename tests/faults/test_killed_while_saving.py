"""Row 18: kill -9 in the middle of a write leaves what was there before, or nothing that counts."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studies_by_hand import new_ledger, run_by_hand

from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import Folder
from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger
from fitscape.study.ledger.database import Database
from fitscape.study.reading import load_config
from fitscape.study.scheduling import checkpoints
from fitscape.study.scheduling.checkpoints import CheckpointStore

FORK = multiprocessing.get_context("fork")


def die(*arguments: Any, **named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(act: Callable[[], Any]) -> None:
    """Run it in a process of its own, which must not live to its end."""
    process = FORK.Process(target=act)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


class TornStore(CheckpointStore):
    """Its process dies when half of a file is written."""

    def save(self, trial_id: str, epoch: int, data: bytes) -> None:
        fs, folder = self._open(trial_id)
        with fs.open_output_stream(f"{folder}/{epoch:06d}.ckpt.partial") as stream:
            stream.write(data[: len(data) // 2])
            stream.flush()
            die()


def read(epoch: int, data: bytes) -> tuple[int, bytes]:
    return epoch, data


def test_a_checkpoint_cut_off_half_way_is_not_seen(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"first")
    killed(lambda: TornStore(str(tmp_path)).save("t", 2, b"second"))
    assert (tmp_path / "t" / "000002.ckpt.partial").read_bytes() == b"sec"
    assert store.newest("t", read) == ((1, b"first"), [])
    store.save("t", 2, b"second")
    assert store.newest("t", read) == ((2, b"second"), [])


def test_a_checkpoint_whose_process_dies_before_the_rename_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"first")
    whole = checkpoints.write

    def write(fs: Any, path: str, data: bytes) -> None:
        whole(fs, f"{path}.partial", data)  # as the real one, up to the rename
        die()

    monkeypatch.setattr(checkpoints, "write", write)
    killed(lambda: store.save("t", 2, b"second"))
    assert store.newest("t", read) == ((1, b"first"), [])


def test_a_ledger_whose_maker_dies_before_its_first_row_is_made_anew(tmp_path: Path) -> None:
    """Else neither `run` (a study is here) nor `resume` (of what?) would ever go."""
    killed(lambda: Database(tmp_path / "ledger.db", create=die))
    with new_ledger(tmp_path) as ledger:
        assert ledger.config.name == "by-hand"


def test_a_backup_cut_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = tmp_path / BACKUP
    with new_ledger(tmp_path) as ledger:
        run_by_hand(ledger, seed=1)
        ledger.backup(backup)
        run_by_hand(ledger, seed=2)
    monkeypatch.setattr(Path, "replace", die)
    killed(lambda: Ledger.open(tmp_path / "ledger.db").backup(backup))
    monkeypatch.undo()
    with Ledger.open(backup, read_only=True) as before:
        assert len(before.trials()) == 1


def test_a_frozen_config_cut_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    folder.write_config(StudyConfig(name="first"))
    monkeypatch.setattr(Path, "replace", die)
    killed(lambda: folder.write_config(StudyConfig(name="second")))
    monkeypatch.undo()
    assert load_config(folder.config).name == "first"
