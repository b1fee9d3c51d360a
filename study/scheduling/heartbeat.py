"""A process's signs of life, which another process of its node can read even while this one is stopped."""

import os
import signal
import struct
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_NAME = "fitscape-pulse"
_RESTING = 0.0


class Pulse:
    """The time of the last sign, in memory of this process that has a name below /proc; there is no file to remove.

    Times are those of the kernel's monotonic clock, which all processes of a node share and nobody sets.
    """

    def __init__(self) -> None:
        self._descriptor = _anonymous()
        self.rest()

    @property
    def address(self) -> "Address":
        return Address(os.getpid(), self._descriptor)

    def beat(self, ahead: float = 0.0) -> None:
        """There is work, and it has just gone on; ``ahead``: seconds that the next step may take beyond the limit."""
        self._write(time.monotonic() + ahead)

    def rest(self) -> None:
        """There is no work: silence means nothing."""
        self._write(_RESTING)

    def _write(self, at: float) -> None:
        os.pwrite(self._descriptor, struct.pack("d", at), 0)


def _anonymous() -> int:
    """A descriptor of memory with a name below /proc.

    macOS has neither: a process that is stopped there is not found by the driver, and its own watchdog is all there is.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(_NAME)
    descriptor, path = tempfile.mkstemp(prefix=_NAME)
    os.unlink(path)
    return descriptor


@dataclass(frozen=True)
class Address:
    """Where on its node a pulse is felt."""

    pid: int
    descriptor: int


def end_if_hung(address: Address, limit: float) -> bool:
    """SIGKILL a process that has work and has given no sign for ``limit`` seconds, or that is stopped without work.

    Returns whether it was. To be run on the process's node, when nothing was heard of it for longer than that.
    """
    process = Path("/proc", str(address.pid))
    try:
        pulse = process / "fd" / str(address.descriptor)
        if _NAME not in str(pulse.readlink()):  # the id is another process's by now
            return False
        (at,) = struct.unpack("d", pulse.read_bytes())
        stopped = (process / "stat").read_text().rpartition(")")[2].split()[0] == "T"
        hung = stopped if at == _RESTING else time.monotonic() - at >= limit
        if hung:
            os.kill(address.pid, signal.SIGKILL)
    except OSError:  # it has gone
        return False
    return hung
