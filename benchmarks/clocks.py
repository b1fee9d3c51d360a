"""Two clocks side by side, and the CPU seconds of other processes and threads."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Span:
    """Seconds by the wall and of this process's CPU: equal on a quiet machine, for one thread on the CPU."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Span":
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: "Span") -> "Span":
        return Span(self.wall - start.wall, self.cpu - start.cpu)


def stat(folder: Path) -> list[str]:
    """The fields of ``stat`` in a folder of /proc, those after the name; empty where the process has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(fields: Sequence[str]) -> float:
    """Of a process or a thread, by its ``stat``; 0 of none."""
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0
