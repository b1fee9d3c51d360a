"""A folder for what Tune insists on writing; nothing in it is read again."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitscape.study.errors import StudyLocked
from fitscape.study.ledger import StudyLock, holder

_PREFIX = "fitscape-tune-"


@contextmanager
def scratch() -> Iterator[Path]:
    """The folder, removed at the end. What killed drivers left of theirs is removed at the start.

    Its driver is written down in it and holds its lock, which the kernel lets go of however the driver dies: a
    folder is abandoned where a driver is written down and the lock is free. That holds where a process id would
    not, which may be in use again, or mean another process in another container.
    """
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with StudyLock(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if _is_own(folder) and (folder / "lock").is_file() and holder(folder) is None:
                lock = StudyLock(folder)
                with lock:
                    if lock.took_over is not None:  # else its driver is just about to take it
                        shutil.rmtree(folder, ignore_errors=True)
        except (OSError, StudyLocked):  # somebody else was quicker: to remove it, or to take it
            continue


def _is_own(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
