"""One process of a machine at a time, for a folder that is removed at the end."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


@contextmanager
def locked(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the folder, which is made. A kill lets go of it. Where the disk knows no locks, nobody waits.

    Args:
        waiting: called once where another process holds it.

    Raises:
        OSError: it cannot be made.
    """
    said = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not said:
                        said = True
                        waiting()
                    time.sleep(0.2)
                except OSError:  # a network file system without locks: two that prepare write the same bytes
                    break
            if _is_there(folder, file.fileno()):
                yield
                return


def remove(folder: Path) -> None:
    """Remove a folder that is held; whoever waits for it makes it anew."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_there(folder: Path, descriptor: int) -> bool:
    """Whether the file that was locked is still the folder's: its last holder may have removed both."""
    import os

    try:
        return os.path.samestat(os.fstat(descriptor), (folder / LOCK).stat())
    except FileNotFoundError:
        return False
