"""One owner of a place on shared storage, wherever its drivers run."""

import time
from pathlib import Path

import pytest
from studies_by_hand import new_ledger, run_by_hand, wait_until

from fitscape.study import driver
from fitscape.study.config import StudyConfig
from fitscape.study.driver import lease as leases
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.lease import Lease, Owner, read_owner
from fitscape.study.errors import StudyLocked, UserError
from fitscape.study.files import BACKUP
from fitscape.study.ledger import StudyLock
from fitscape.study.scheduling.interruption import Interruption


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_EVERY", 0.1)
    monkeypatch.setattr(leases, "LEASE", 1.5)
    monkeypatch.setattr(leases, "SETTLE", 0.05)


class Head:
    """A machine with a disk of its own and the storage that all share."""

    def __init__(self, tmp_path: Path, machine: str) -> None:
        self.root = tmp_path / machine
        self.folder = Folder(self.root / "quickstart", str(tmp_path / "storage"))
        self.folder.make()
        self.lock = StudyLock(self.folder.path).acquire()
        self.interruption = Interruption()
        self.lease = Lease(self.folder, self.interruption)

    def die(self) -> None:
        """The process is gone: it beats no more, and its lock is free."""
        self.lease._closing.set()
        self.lock.release()


def test_a_second_study_of_the_same_name_is_refused_at_once_and_the_first_one_stays(tmp_path: Path) -> None:
    first = Head(tmp_path, "ann")
    first.lease.claim("a" * 32)
    with pytest.raises(UserError, match="is another study's, of process"):
        driver.run(StudyConfig(name="quickstart"), tmp_path / "bob", storage=str(tmp_path / "storage"))
    second = Head(tmp_path, "bob")
    with pytest.raises(UserError, match="is another study's"):
        second.lease.claim("b" * 32)
    owner = read_owner(first.folder)
    assert owner is not None
    assert owner.uid == "a" * 32
    assert first.lease.holds()
    first.die()


def test_a_second_head_of_the_same_study_is_refused_while_the_first_one_beats(tmp_path: Path) -> None:
    first, second = Head(tmp_path, "one"), Head(tmp_path, "two")
    first.lease.claim("a" * 32)
    with pytest.raises(StudyLocked, match="held by process"):
        second.lease.claim("a" * 32)
    first.die()
    second.lease.claim("a" * 32)
    assert second.lease.holds()
    assert not first.lease.holds(), "it came back to life, and writes no more"
    assert first.interruption.requested
    second.die()


def test_a_live_driver_on_a_slow_storage_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beats come later than a lease, as what we ask of the storage does."""
    first, second = Head(tmp_path, "one"), Head(tmp_path, "two")
    monkeypatch.setattr(leases, "BEAT_EVERY", 4.0)
    first.lease.claim("a" * 32)
    at_once = leases.read_owner

    def slowly(folder: Folder) -> Owner | None:
        time.sleep(1.0)
        return at_once(folder)

    monkeypatch.setattr(leases, "read_owner", slowly)
    with pytest.raises(StudyLocked, match="held by process"):
        second.lease.claim("a" * 32)
    first.die()


def test_a_driver_that_lost_the_storage_ends(tmp_path: Path) -> None:
    first, second = Head(tmp_path, "one"), Head(tmp_path, "two")
    first.lease.claim("a" * 32)
    second.lease._mine = read_owner(first.folder)  # as after a pause longer than the lease
    second.lease._write(leases.replace(second.lease._mine, token="other"))  # type: ignore[type-var]
    wait_until(lambda: first.interruption.requested, 5)
    assert "another driver has taken it over" in first.interruption.reason
    first.die()


def test_after_a_kill_the_same_machine_goes_on_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE", 1e6)
    first = Head(tmp_path, "one")
    first.lease.claim("a" * 32)
    first.die()
    again = Head(tmp_path, "one")
    again.lease.claim("a" * 32)
    again.die()


def test_a_driver_that_left_in_order_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE", 1e6)
    first, second = Head(tmp_path, "one"), Head(tmp_path, "two")
    with first.lease:
        first.lease.claim("a" * 32)
    second.lease.claim("a" * 32)
    second.die()


def test_a_backup_of_before_there_were_owners_is_respected(tmp_path: Path) -> None:
    head = Head(tmp_path, "one")
    with new_ledger(tmp_path) as ledger:
        run_by_hand(ledger)
        ledger.backup(tmp_path / "storage" / "quickstart" / BACKUP)
        uid = ledger.uid
    with pytest.raises(UserError, match="holds the backup of another study"):
        head.lease.claim("b" * 32)
    head.lease.claim(uid)
    head.die()


def test_a_maker_that_died_before_its_ledger_does_not_bar_the_name(tmp_path: Path) -> None:
    first = Head(tmp_path, "one")
    first.lease.claim("a" * 32)
    first.die()
    again = Head(tmp_path, "one")
    again.lease.look()
    again.lease.claim("b" * 32)
    again.die()


def test_without_shared_storage_there_is_nothing_to_claim(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "s")
    folder.make()
    lease = Lease(folder, Interruption())
    lease.claim("a" * 32)
    assert lease.holds()
    assert not list(folder.path.iterdir())


def test_a_folder_in_a_store_is_named_before_the_stores_query() -> None:
    folder = Folder(Path("/r/s"), "s3://key:secret@bucket/runs?region=us-east-1")
    assert folder.shared == "s3://key:secret@bucket/runs/s?region=us-east-1"
    assert folder.checkpoints == "s3://key:secret@bucket/runs/s/checkpoints?region=us-east-1"
    assert "secret" not in folder.place
