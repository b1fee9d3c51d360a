"""One driver a study: a lock that the kernel lets go of when its holder dies, however it dies."""

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fitscape.study.errors import StudyLocked
from fitscape.study.files import LOCK

_GRACE = 0.3  # seconds for a driver that is just leaving
_LOOKED_AT = 60.0  # seconds for `holder`, which shares the lock for an instant, or for longer on a busy machine


@dataclass(frozen=True)
class Holder:
    """Who holds a study, or held it last."""

    pid: int
    host: str
    since: float  # seconds since the Unix epoch

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host} since {since}"


class StudyLock:
    """``flock`` on ``FOLDER/lock``. After kill -9 the next driver gets it at once.

    On NFS, Linux turns flock into a lock on the server (unless mounted with ``local_lock``), which holds
    between hosts; a folder shared in a way that keeps locks local protects within one host only.
    ``took_over`` names a holder that went without releasing, so that a driver can say so.

    Raises:
        StudyLocked: another driver holds the study; the text says which.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._descriptor: int | None = None
        self.took_over: Holder | None = None

    def acquire(self) -> Self:
        assert self._descriptor is None, "the lock is already held by this object"
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(descriptor)
        except BaseException:  # held by another, or a disk without room for who holds it
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def _take(self, descriptor: int) -> None:
        begun = time.monotonic()
        while not _try(descriptor):
            if time.monotonic() - begun > (_LOOKED_AT if _shared(descriptor) else _GRACE):
                holder = _read(descriptor)
                fix = "wait until it ends, or stop it"
                raise StudyLocked(f"held by {holder or 'another process'}", where=str(self._path.parent), fix=fix)
            time.sleep(0.02)
        self.took_over = _read(descriptor)
        holder = Holder(os.getpid(), socket.gethostname(), time.time())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)

    def release(self) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder(folder: Path) -> Holder | None:
    """The driver that holds the study now; None when nobody does. For ``status`` and ``sync``."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:  # nobody has ever held it, or the folder is somebody else's
        return None
    try:
        return None if _try(descriptor, fcntl.LOCK_SH) else _read(descriptor) or Holder(0, "unknown host", 0.0)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _shared(descriptor: int) -> bool:
    """Whether those who have the lock only look who holds it. Lets go of it again."""
    shared = _try(descriptor, fcntl.LOCK_SH)
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return shared


def _read(descriptor: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):  # empty, or its writer died half-way
        return None
