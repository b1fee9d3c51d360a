"""Ray's folder for temporary files: whether a Ray of this machine can start in it."""

import os
import tempfile
from pathlib import Path

from fitscape.study.errors import UserError

LONGEST_SOCKET = 107  # bytes that Linux takes for the path of a socket
_SOCKET = "ray/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"  # as long as Ray's gets


def require_usable() -> None:
    """Raises UserError: the folder's name is too long for Ray's sockets, or it is another user's."""
    parent = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
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
