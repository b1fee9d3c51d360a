"""Row 14 on a file system that is really full: what was there stays, the file is named, and it goes on with room."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_trials import Heard
from studies_by_hand import new_ledger, run_by_hand

from fitscape.study.config import StudyConfig
from fitscape.study.driver.backups import Upkeep
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.lease import Lease
from fitscape.study.driver.preflight import first_look
from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.preflight import probe


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if not done or done.returncode:
        pytest.skip("mounting a small file system takes the right to do so")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take what is left of the disk; returns the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError("the disk did not become full")


def run_many(ledger: Ledger) -> None:
    for seed in range(2, 200):
        run_by_hand(ledger, seed=seed, epochs=20)


def test_a_ledger_on_a_full_disk_says_so_keeps_all_and_goes_on_with_room(disk: Path) -> None:
    with new_ledger(disk) as ledger:
        run_by_hand(ledger, seed=1, epochs=20)
        ballast = fill(disk)
        with pytest.raises(UserError, match="disk") as caught:
            run_many(ledger)
        assert str(disk / "ledger.db") in str(caught.value)
        before = ledger.trials()
        assert len(before[0].epochs) == 20
        ballast.unlink()
        run_by_hand(ledger, seed=999)
        assert ledger.trials()[: len(before)] == before
    with Ledger.open(disk / "ledger.db") as again:  # which looks the whole file through
        assert again.trials()[: len(before)] == before


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(disk: Path) -> None:
    store = CheckpointStore(str(disk))
    store.save("t", 1, b"first")
    ballast = fill(disk)
    with pytest.raises(OSError, match="No space left"):
        store.save("t", 2, bytes(100_000))
    assert store.newest("t", lambda epoch, data: (epoch, data)) == ((1, b"first"), [])
    ballast.unlink()
    store.save("t", 2, bytes(100_000))
    assert store.newest("t", lambda epoch, data: epoch) == (2, [])


def test_a_backup_that_finds_no_room_is_said_once_and_leaves_the_one_before(disk: Path) -> None:
    heard, folder = Heard(), Folder(disk / "by-hand")
    folder.make()
    aside = Aside(heard)
    with new_ledger(folder.path) as ledger:
        upkeep = Upkeep(folder, ledger, StudyConfig(name="by-hand"), aside, Lease(folder, Interruption()))
        run_by_hand(ledger, seed=1)
        upkeep.back_up()
        fill(disk)
        upkeep.back_up()
        upkeep.back_up()
        upkeep.close()
    aside.close(5)
    assert len(heard.messages) == 1
    assert heard.messages[0].startswith("the ledger was not backed up")
    with Ledger.open(folder.path / BACKUP, read_only=True) as backup:
        assert len(backup.trials()) == 1


def test_too_little_room_is_found_before_a_study_begins(disk: Path) -> None:
    bad = [finding for finding in first_look(StudyConfig(name="s"), disk / "runs", address="auto") if not finding.ok]
    assert [finding.what for finding in bad] == [f"2 MiB are free at {disk}"]
    assert "free 500 MiB" in bad[0].fix
    assert probe(str(disk / "checkpoints"))["storage"] == "2 MiB are free, 500 are needed"
