"""Two clocks side by side."""

import time
from dataclasses import dataclass


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
