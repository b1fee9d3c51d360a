"""Whether a ledger is the study's own or a copy of it: two that ship as one study would spoil each other's record."""

import os
import socket
from pathlib import Path

from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER
from fitscape.study.ledger.ledger import Ledger

PLACE = "place"  # key: host, path and inode of the ledger as its last driver found it
RUNNING = "running"  # key: host and process of a driver that has not ended in order

INCOMPLETE = (
    "this ledger was copied while its study ran, without the file ledger.db-wal beside it: "
    "what was measured last is missing; copy both files, or use a backup"
)


def settle_in(ledger: Ledger) -> Path | None:
    """Write down where the ledger is; the caller holds the StudyLock and is about to write to it.

    A copy whose original is still at its place on this host gets a uid of its own, and its cursors begin anew. On
    another host, or where the original has gone, it is the study that was moved or restored, and keeps its uid.

    Returns:
        The folder that it is a copy of; None where it is none.
    """
    path = ledger.path.absolute()
    original = _original(ledger, path)
    if original is not None:
        ledger.renew_uid(original)
    here = {"host": socket.gethostname(), "path": str(path), "inode": path.stat().st_ino}
    if here != ledger.get_meta(PLACE):
        ledger.set_meta(PLACE, here)
    return None if original is None else original.parent


def lacks_its_log(ledger: Ledger) -> bool:
    """Whether the file was copied while its study ran, without the write-ahead log that held the newest records.

    The caller knows that no driver holds the study.
    """
    wal = ledger.path.with_name(f"{ledger.path.name}-wal")
    gone = not wal.exists() or not wal.stat().st_size  # a reader makes an empty one
    return gone and ledger.get_meta(RUNNING) is not None


def _original(ledger: Ledger, path: Path) -> Path | None:
    place = ledger.get_meta(PLACE)
    if place is not None:
        candidates = [Path(place["path"])] if place["host"] == socket.gethostname() else []
    else:  # of 0.1.0: a folder beside it that has the study's name, where this one has another
        name = ledger.config.name
        candidates = [path.parent.parent / name / LEDGER] if path.parent.name != name else []
    return next((other for other in candidates if other != path and _is_same_study(ledger, path, other)), None)


def _is_same_study(ledger: Ledger, path: Path, other: Path) -> bool:
    """Whether another file holds the same uid, and is not this very file by another name."""
    try:
        if not other.is_file() or os.path.samefile(path, other):
            return False
        with Ledger.open(other, read_only=True) as found:
            return found.uid == ledger.uid
    except (OSError, UserError):
        return False
