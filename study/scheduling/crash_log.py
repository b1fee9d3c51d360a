"""Which signal ended a worker's process: Ray says the same of a crash in native code and of a SIGKILL."""

import contextlib
import faulthandler
import os
import tempfile
from pathlib import Path

# What Python's faulthandler writes, and the signal that it writes it at.
_SIGNS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating": "SIGFPE",
}


class CrashLog:
    """A file of this process that the faulthandler writes to as the process dies; empty while it lives."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="fitscape-crash-", dir=_folder())
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "w")
        faulthandler.enable(file=self._file)

    def remove(self) -> None:
        """At an orderly end."""
        self.path.unlink(missing_ok=True)


def crash_of(path: Path) -> str:
    """The signal that the log speaks of, as SIGSEGV; empty where there is none. Removes the log."""
    text = ""
    with contextlib.suppress(OSError):
        text = path.read_text(errors="replace")
        path.unlink()
    first = next((line for line in text.splitlines() if line.startswith("Fatal Python error:")), "")
    return next((name for sign, name in _SIGNS.items() if sign in first), "")


def _folder() -> str | None:
    """The logs of Ray's session, which go away with it; None (the folder for temporary files) where Ray has none."""
    try:
        from ray._private.worker import _global_node

        folder: str = _global_node.get_logs_dir_path()
        return folder if os.access(folder, os.W_OK) else None
    except (ImportError, AttributeError):
        return None
