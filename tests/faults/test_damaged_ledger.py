"""Row 16 at the driver: a damaged ledger is never the silent start of an empty study."""

from collections.abc import Callable
from pathlib import Path

import pytest
from odd_trials import Heard
from studies_by_hand import new_ledger, run_by_hand

from fitscape.study import driver
from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.recover import open_or_restore
from fitscape.study.errors import LedgerDamaged, StudyLocked, UserError
from fitscape.study.files import BACKUP
from fitscape.study.ledger import Ledger, StudyLock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of five ended trials, backed up after the fourth."""
    folder = tmp_path / "by-hand"
    folder.mkdir()
    with new_ledger(folder) as ledger:
        for seed in range(4):
            run_by_hand(ledger, seed=seed, epochs=20)
        ledger.backup(folder / BACKUP)
        run_by_hand(ledger, seed=4, epochs=20)
    return folder


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [halve, zero])
def test_the_backup_takes_its_place_and_that_is_said(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder / "ledger.db")
    heard = Heard()
    with open_or_restore(Folder(folder), heard.messages.append) as ledger:
        assert len(ledger.trials()) == 4
        assert [note.kind for note in ledger.notes()] == ["restored"]
    (message,) = heard.messages
    assert "the backup with 4 ended trials takes its place" in message
    assert (folder / "ledger.db.damaged").stat().st_size > 0


def test_a_second_restore_keeps_what_the_first_set_aside(folder: Path) -> None:
    halve(folder / "ledger.db")
    first = (folder / "ledger.db").read_bytes()
    open_or_restore(Folder(folder), [].append).close()
    zero(folder / "ledger.db")
    heard = Heard()
    open_or_restore(Folder(folder), heard.messages.append).close()
    assert (folder / "ledger.db.damaged").read_bytes() == first
    assert (folder / "ledger.db.damaged-2").is_file()
    assert heard.messages[0].endswith("it is kept as ledger.db.damaged-2")


def test_a_ledger_that_is_gone_comes_back_from_the_backup_beside_it(folder: Path) -> None:
    (folder / "ledger.db").unlink()
    open_or_restore(Folder(folder), [].append).close()
    with Ledger.open(folder / "ledger.db") as ledger:
        assert len(ledger.trials()) == 4


def test_without_a_backup_resume_refuses_and_leaves_it_alone(folder: Path) -> None:
    (folder / BACKUP).unlink()
    halve(folder / "ledger.db")
    before = (folder / "ledger.db").read_bytes()
    with pytest.raises(LedgerDamaged, match="there is no backup"):
        driver.resume(folder)
    assert (folder / "ledger.db").read_bytes() == before


def test_a_whole_ledger_is_opened_as_it_is(folder: Path) -> None:
    heard = Heard()
    with open_or_restore(Folder(folder), heard.messages.append) as ledger:
        assert len(ledger.trials()) == 5
    assert not heard.messages
    with Ledger.open(folder / "ledger.db", read_only=True) as ledger:
        assert not ledger.notes()


def test_of_two_that_resume_a_lost_ledger_the_second_touches_nothing(folder: Path) -> None:
    (folder / "ledger.db").unlink()
    with StudyLock(folder), pytest.raises(StudyLocked):
        driver.resume(folder)
    assert not (folder / "ledger.db").exists(), "it was restored outside the lock"


def test_run_does_not_take_the_place_of_a_study_whose_ledger_is_gone(folder: Path) -> None:
    (folder / "ledger.db").unlink()
    before = (folder / BACKUP).read_bytes()
    with pytest.raises(UserError, match="fitscape resume by-hand"):
        driver.run(StudyConfig(name="by-hand"), folder.parent)
    assert (folder / BACKUP).read_bytes() == before


def test_the_ledgers_name_is_never_without_a_file_while_it_is_restored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halve(folder / "ledger.db")
    seen: list[bool] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        seen.append((folder / "ledger.db").exists())
        return moved

    monkeypatch.setattr(Path, "replace", watched)
    open_or_restore(Folder(folder), [].append).close()
    assert seen
    assert all(seen)


def test_the_backup_that_knows_most_is_taken(folder: Path, tmp_path: Path) -> None:
    """The head's disk came back as it was a day ago; the storage is of an hour ago."""
    storage = tmp_path / "storage"
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.backup(storage / "by-hand" / BACKUP)
    (folder / "ledger.db").unlink()
    with open_or_restore(Folder(folder, str(storage)), [].append) as ledger:
        assert len(ledger.trials()) == 5
