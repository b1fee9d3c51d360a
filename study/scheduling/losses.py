"""Trials whose process was lost: which are run again, and which have been tried often enough."""

from collections import Counter
from enum import Enum

from fitscape.study.scheduling.reports import WorkerReport


class AttemptLoss(Enum):
    """Whose doing it was that an attempt at a trial was lost."""

    PROCESS = "process"  # it crashed, hung, or was killed: perhaps the trial's own
    MACHINE = "machine"  # its node or its card went away: nothing that the trial did
    REFUSED = "refused"  # its card was found broken: the attempt does not count


class Losses:
    """Counts attempts. A machine that is lost counts only where the attempt brought no new checkpoint.

    On spot nodes a long trial may be reclaimed any number of times, and finishes as long as it comes further each time.

    Args:
        attempts: of processes that may be lost in all, and of machines in a row without a new checkpoint.
    """

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        self.lost: Counter[str] = Counter()  # attempts, of all kinds but those refused
        self._processes: Counter[str] = Counter()
        self._barren: Counter[str] = Counter()
        self._further: set[str] = set()  # trials whose running attempt has brought a new checkpoint

    def heard(self, trial_id: str, report: WorkerReport) -> None:
        """Take in a report of a running attempt."""
        if report.start is not None:
            self._further.discard(trial_id)
        if report.saved is not None:
            self._further.add(trial_id)

    def again(self, trial_id: str, loss: AttemptLoss) -> bool:
        """Count a lost attempt; whether there is to be another one."""
        if loss is AttemptLoss.REFUSED:
            return True
        self.lost[trial_id] += 1
        if loss is AttemptLoss.PROCESS:
            self._processes[trial_id] += 1
        elif trial_id in self._further:
            del self._barren[trial_id]
        else:
            self._barren[trial_id] += 1
        self._further.discard(trial_id)
        return max(self._processes[trial_id], self._barren[trial_id]) < self.attempts

    def forget(self, trial_id: str) -> None:
        """It has ended."""
        for counts in (self.lost, self._processes, self._barren):
            del counts[trial_id]
        self._further.discard(trial_id)
