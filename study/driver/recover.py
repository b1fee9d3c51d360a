"""A study's ledger, or its backup in its place: the one in the study's folder, or the one on shared storage."""

from collections.abc import Callable
from pathlib import Path

from fitscape.study.driver.folder import Folder
from fitscape.study.errors import LedgerDamaged, UserError
from fitscape.study.ledger import Ledger, restore
from fitscape.study.storage import fetch_file, in_storage


def require_backup(folder: Folder) -> None:
    """Refuse to resume what is nowhere.

    Raises:
        UserError: there is neither a folder nor a backup on shared storage.
        OSError: the storage is out of reach.
    """
    if folder.storage is None:
        fix = "fitscape list studies shows the studies below --root; is --root right?"
        raise UserError("no study is here", where=str(folder.path), fix=fix)
    if not in_storage(folder.shared, folder.backup.name):
        raise UserError("no study is here", where=f"{folder.path} and {folder.place}")


def open_or_restore(folder: Folder, say: Callable[[str], object]) -> Ledger:
    """The ledger; where it is missing or damaged, its backup in its place, which is said, and noted in it.

    The caller holds the study's lock: of two that resume at once the second finds the ledger of the first.

    Raises:
        UserError: neither a ledger nor a backup is there. LedgerDamaged: no sound backup is.
    """
    if not folder.ledger.is_file():
        return _restored(folder, say, "the ledger is missing", None)
    try:
        ledger = Ledger.open(folder.ledger)
        if ledger.kept is not None:
            say(f"the ledger is now one of this release; the old one is kept as {ledger.kept.name}")
        return ledger
    except LedgerDamaged as error:
        return _restored(folder, say, error.what, error)


def _restored(folder: Folder, say: Callable[[str], object], why: str, damage: LedgerDamaged | None) -> Ledger:
    backup = _newest_backup(folder)
    if backup is None:
        if damage is not None:
            raise damage
        require_backup(folder)
        raise UserError("its backup is damaged", where=folder.place)
    kept = restore(folder.ledger, backup)
    if folder.storage is not None and not folder.config.exists():
        fetch_file(folder.shared, folder.config.name, folder.config)
    ledger = Ledger.open(folder.ledger)
    ended = sum(count for state, count in ledger.counts().items() if state.terminal)
    aside = f", it is kept as {kept.name}" if kept is not None else ""
    say(f"{why}; the backup with {ended} ended trials takes its place{aside}")
    return ledger


def _newest_backup(folder: Folder) -> Path | None:
    """Of the sound ones in the folder and on shared storage, the one that knows most; the latter is fetched."""
    there = [folder.backup]
    if folder.storage is not None:
        fetched = folder.backup.with_name(f"{folder.backup.name}.fetched")
        if fetch_file(folder.shared, folder.backup.name, fetched):
            there.append(fetched)
    known = {backup: _events(backup) for backup in there if backup.is_file()}
    best = max(known, key=lambda backup: known[backup], default=None)
    if best is None or known[best] < 0:
        return None
    if best != folder.backup:
        best.replace(folder.backup)
    for other in there[1:]:
        other.unlink(missing_ok=True)
    return folder.backup


def _events(backup: Path) -> int:
    """How far a backup's outbox goes; -1 for one that is damaged."""
    try:
        with Ledger.open(backup, read_only=True) as ledger:
            return ledger.last_event
    except LedgerDamaged:
        return -1
