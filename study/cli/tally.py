"""What a running study has come to: the numbers behind every view."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fitscape.study.cli.wording import best_of, between
from fitscape.study.records import EpochRecord, Regime, TrialRecord, TrialState

READ_SHARE = 20  # reading and labelling take at most one part in 20 of the time


@dataclass
class Tally:
    """Not thread-safe: the view that feeds it holds the lock."""

    folder: Path
    total: int | None = None  # None before the run has begun
    ends: dict[str, TrialState] = field(default_factory=dict)  # trial id -> state, of the trials that have ended
    speeds: dict[str, float] = field(default_factory=dict)  # running trial -> training images/s, last epoch
    regimes: dict[Regime, int] = field(default_factory=dict)
    between: dict[str, int] = field(default_factory=dict)  # of undecided ones, by the regimes that they lie between
    best: TrialRecord | None = None  # by the study's metric, as its record has it
    metric: str = "error"
    backlog: int = 0  # points that MLflow has not got yet
    _expected: tuple[float, float] | None = None  # seconds until the last trial has ended, and when that was said
    _begun: float = 0.0
    _ended_before: int = 0
    _read_after: float = 0.0

    def start(self, total: int, done: int) -> None:
        self.total, self._begun, self._ended_before = total, time.monotonic(), done
        if done:
            self.read(at_once=True)

    def trial_started(self, trial: TrialRecord) -> None:
        self.speeds.setdefault(trial.trial_id, 0.0)

    def epoch_ended(self, trial_id: str, record: EpochRecord) -> None:
        self.speeds[trial_id] = record.images_per_second

    def trial_ended(self, trial: TrialRecord) -> None:
        self.speeds.pop(trial.trial_id, None)
        self.ends[trial.trial_id] = trial.state  # which the ledger may have said before: events come late
        self.read()

    def set_backlog(self, points: int) -> None:
        self.backlog = points

    def expect(self, seconds: float) -> None:
        self._expected = seconds, time.monotonic()

    def finish(self, unshipped: int) -> None:
        self.backlog, self._expected = unshipped, None
        self.speeds.clear()
        self.read(at_once=True)

    def read(self, *, at_once: bool = False) -> None:
        """States, regimes and the best trial anew from the ledger, unless that was done a moment ago."""
        begin = time.monotonic()
        if begin < self._read_after and not at_once:
            return
        from fitscape.study.opened import open_study  # a second and more: not before the driver starts

        with open_study(self.folder) as study:
            labels = study.labels if at_once else study.labels_without_map  # a map takes seconds
            found = [label.regime for label in labels.values()]
            self.regimes = {regime: found.count(regime) for regime in Regime if regime in found}
            self.between = between(labels.values())
            self.best, self.metric = best_of(study.trials), study.config.data.metric
            self.ends = {trial.trial_id: trial.state for trial in study.trials if trial.state.terminal}
        end = time.monotonic()
        self._read_after = end + READ_SHARE * (end - begin)

    @property
    def states(self) -> Counter[TrialState]:
        return Counter(self.ends.values())

    @property
    def ended(self) -> int:
        return len(self.ends)

    @property
    def elapsed(self) -> float:
        """Seconds of this run."""
        return time.monotonic() - self._begun if self.total is not None else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the run's last trial has ended: by what such trials took; until that is known, by this run's
        pace; None before its first trial has ended."""
        if self._expected is not None:
            seconds, said = self._expected
            return max(0.0, seconds - (time.monotonic() - said))
        here = self.ended - self._ended_before
        return self.elapsed / here * max(0, (self.total or 0) - self.ended) if here > 0 else None

    @property
    def images_per_second(self) -> float:
        return math.fsum(self.speeds.values())
