"""The time that a run may take, all in all: until when trials run, and which of them can still end."""

import time
from collections.abc import Callable

from fitscape.study.config import TrialConfig
from fitscape.study.scheduling.interruption import SIGINT_GRACE
from fitscape.study.scheduling.pace import Pace

CLOSING = 4.0  # seconds that letting go of workers, the last backup and the last lines take
REPORT = 6.0  # seconds of labels and report, where none was made here yet ...
REPORT_OF_ONE = 0.012  # ... and for each trial that has ended


class TimeLimit:
    """When trials must be over, so that labels, map and report are done in time too.

    Args:
        seconds: for all of the run.
        since: when it began, by the clock; None: now.
        clock: in seconds.
    """

    def __init__(
        self, seconds: float, *, since: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds, self._clock = seconds, clock
        self._end = (clock() if since is None else since) + seconds
        self._report_took: tuple[float, int] | None = None
        self.pace: Pace | None = None  # of the trials, once they run
        self.ended = 0  # trials

    def report_took(self, seconds: float, trials: int) -> None:
        """What labels and report took at an earlier end of this study, of so many trials."""
        self._report_took = seconds, trials

    @property
    def closing(self) -> float:
        """Seconds that are needed once no trial runs any more."""
        if self._report_took is None:
            return CLOSING + REPORT + REPORT_OF_ONE * self.ended
        seconds, trials = self._report_took
        return CLOSING + seconds + REPORT_OF_ONE * max(0, self.ended - trials)

    @property
    def left(self) -> float:
        """Seconds in which trials may still run."""
        return self._end - self._clock() - self.closing

    @property
    def up(self) -> bool:
        """Whether running trials are to be asked to end: each ends with its next report."""
        longest = self.pace.longest_pause() if self.pace else 0.0
        return self.left <= min(longest, SIGINT_GRACE)

    def allows(self, config: TrialConfig) -> bool:
        """Whether a trial that begins now can end in time, as far as is known."""
        if self.pace is None:
            return True
        expected = self.pace.expected(config, sure=True)
        return self.left > 0 if expected is None else expected <= self.left
