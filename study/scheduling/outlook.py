"""How long what is left of a run will take, said again and again while it runs."""

from collections.abc import Callable, Sequence

from fitscape.study.config import TrialConfig
from fitscape.study.scheduling.events import Expected
from fitscape.study.scheduling.pace import Pace, time_left
from fitscape.study.scheduling.time_limit import TimeLimit

COUNTED_EACH = 4  # times as many trials as slots that are placed one by one; the others fill all slots evenly


class Outlook:
    """Seconds until the trials of a study have ended.

    Args:
        pace: knows how long trials take.
        typical: trials that stand for those that are not drawn yet.
        waiting: trials that are drawn and not begun.
        undrawn: how many are not drawn yet.
        slots: trials that run at once.
        limit: of the run; None: it may take as long as it takes.
    """

    def __init__(
        self,
        pace: Pace,
        typical: Sequence[TrialConfig],
        *,
        waiting: Callable[[], Sequence[TrialConfig]],
        undrawn: Callable[[], int],
        slots: Callable[[], int],
        limit: TimeLimit | None,
    ) -> None:
        self._pace, self._typical, self._limit = pace, typical, limit
        self._waiting, self._undrawn, self._slots = waiting, undrawn, slots

    @property
    def left(self) -> int:
        """Trials that run, wait, or are not drawn yet."""
        return len(self._pace.rest()) + len(self._waiting()) + self._undrawn()

    def seconds(self, trials: int) -> float | None:
        """How long so many trials take that stand for the space; None where nothing was timed yet."""
        typical = self._pace.mean(self._typical)
        return None if typical is None else trials * typical / max(1, self._slots())

    @property
    def fit(self) -> int:
        """Of the trials that are left, how many the run's time allows."""
        each = self.seconds(1)
        if self._limit is None or not each:
            return self.left
        return min(self.left, int(max(0.0, self._limit.left) / each))

    def expected(self) -> Expected | None:
        """None where nothing was timed yet."""
        typical = self._pace.mean(self._typical)
        if typical is None:
            return None
        slots = self._slots()
        waiting = [seconds for trial in self._waiting() if (seconds := self._pace.expected(trial)) is not None]
        undrawn = self._undrawn()
        placed = min(undrawn, COUNTED_EACH * slots)
        seconds = time_left(self._pace.rest().values(), [*waiting, *[typical] * placed], slots)
        seconds += (undrawn - placed) * typical / slots
        return Expected(seconds if self._limit is None else max(0.0, min(seconds, self._limit.left)))
