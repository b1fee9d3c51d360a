"""How far a sync is, in words: trials sent, their rate, and the time that is left at this rate."""

import time
from collections.abc import Callable
from typing import Final

EVERY: Final = 5.0  # seconds


class SyncProgress:
    """Says it every few seconds while trials are sent.

    Args:
        total: trials that MLflow lacks something of.
        say: is given a line.
        clock: in seconds.
    """

    def __init__(
        self, total: int, say: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._say, self._clock = total, say, clock
        self._begun = self._said = clock()
        self._sent = 0

    def enough(self, sent: int) -> bool:
        """Take in how many trials have been sent; never enough before all of it is (``Shipper.close``)."""
        now = self._clock()
        if sent > self._sent and now - self._said >= EVERY:
            self._sent, self._said = sent, now
            rate = sent / (now - self._begun)
            left = max(0, self._total - sent) / rate
            time_left = f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min"
            self._say(f"{sent} of {self._total} trials sent, {rate:.1f} per second, {time_left} left")
        return False
