"""A damaged or lost ledger is replaced by its backup."""

import os
import shutil
from pathlib import Path

from fitscape.study.files import free_name, whole_file
from fitscape.study.ledger import notes
from fitscape.study.ledger.database import Database

_LOGS = ("-wal", "-shm", "-journal")  # endings of what SQLite keeps beside a file


def restore(path: Path, backup: Path) -> Path | None:
    """Put ``backup`` in the place of a damaged or missing ledger; a damaged one is kept, as ``*.damaged`` or, where an
    earlier one has that name, ``*.damaged-2`` and so on. Returns where the damaged one is; None where there was none.

    Its write-ahead log goes away with it: replayed over the backup it would damage that too. The ledger's name is
    never without a file meanwhile, so that nobody starts a new study there. The note ``restored`` lets every sink know
    that the outside may know more than this ledger does.

    Raises:
        UserError: the backup itself is missing or damaged; the ledger is then left as it was.
    """
    Database(backup, read_only=True).close()
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, durable=True) as partial:
        shutil.copyfile(backup, partial)  # a backup is one whole file, see Database.backup
        restored = Database(partial)
        with restored.write(durable=True) as connection:
            notes.add(connection, "restored", {"backup": backup.name})
        restored.close()
        kept = free_name(path, ".damaged")
        damaged = path.exists()
        if damaged:
            _keep(path, kept)
        for ending in _LOGS:
            old = path.with_name(path.name + ending)
            if old.exists():
                old.replace(kept.with_name(kept.name + ending))
    return kept if damaged else None


def _keep(path: Path, kept: Path) -> None:
    """A second name for the file; where the file system has none, a copy."""
    try:
        os.link(path, kept)
    except OSError:
        shutil.copyfile(path, kept)
