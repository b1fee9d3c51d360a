"""Ray's folder for temporary files: whether a Ray of this machine can start in it, and what our drivers left there."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fitscape.study.errors import StudyLocked, UserError
from fitscape.study.files import LOCK
from fitscape.study.ledger import StudyLock, holder

LONGEST_SOCKET = 107  # bytes that Linux takes for the path of a socket
_MARK = "fitscape"  # folder in a session's
_SOCKET = "ray/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"  # as long as Ray's gets


def require_usable() -> None:
    """Raises UserError: the folder's name is too long for Ray's sockets, or it is another user's."""
    parent = _parent()
    variable = "RAY_TMPDIR" if os.environ.get("RAY_TMPDIR") else "TMPDIR"
    length = len(os.fsencode(parent.absolute() / _SOCKET))
    if length > LONGEST_SOCKET:
        longest = LONGEST_SOCKET - len(_SOCKET) - 1
        what = f"is too long for Ray's sockets: {len(os.fsencode(parent.absolute()))} bytes, {longest} at most"
        raise UserError(what, where=f"{variable}={parent}", fix="set RAY_TMPDIR to a short folder, as /tmp")
    folder = parent / "ray"
    there = folder if folder.exists() else parent
    if not os.access(there, os.W_OK | os.X_OK):
        fix = "set RAY_TMPDIR to a folder of your own"
        raise UserError("cannot be written: it is another user's", where=str(there), fix=fix)


def marked(session: Path) -> StudyLock | None:
    """The sign in a session's folder that a driver of ours started it, held until the driver lets go or dies.

    None where the folder cannot be written; nothing but the clearing away of old sessions depends on it.
    """
    with suppress(OSError, StudyLocked):
        (session / _MARK).mkdir(exist_ok=True)
        return StudyLock(session / _MARK).acquire()
    return None


def abandoned() -> Iterator[Path]:
    """Folders of Ray's sessions on this machine that a driver of ours started and that nobody uses.

    Those of other programs, of other users and of earlier releases have no sign of ours.
    """
    for session in sorted((_parent() / "ray").glob("session_*_*")):
        with suppress(OSError):
            own = not session.is_symlink() and session.is_dir() and session.lstat().st_uid == os.getuid()
            if own and (session / _MARK / LOCK).is_file() and holder(session / _MARK) is None and not _alive(session):
                yield session


def _alive(session: Path) -> bool:
    """Whether a raylet answers; one outlives a driver that was killed by seconds."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(os.fspath(session / "sockets" / "raylet")) == 0


def _parent() -> Path:
    return Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
