"""How long trials take here: what was heard of them, as seconds of those that are still to come."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from statistics import median

import numpy as np

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.scheduling.reports import WorkerReport, report_every
from fitscape.study.search.cost import CostModel

SURE = 1.28  # standard deviations of the log by which a trial may be slower than expected: 9 in 10 are not


@dataclass
class _Heard:
    """Of a trial."""

    config: TrialConfig
    begun: float  # by `time.monotonic`, of this attempt
    seconds: dict[int, float] = field(default_factory=dict)  # of each epoch, training and evaluation
    heard: float | None = None  # when its latest epoch of this attempt ended
    here: float = 0.0  # seconds of this attempt's epochs

    @property
    def left(self) -> int:
        """Epochs."""
        return self.config.optimization.epochs - len(self.seconds)


class Pace:
    """Times of trials, measured as they come in. Thread-safe.

    Args:
        model: learns from each epoch that is heard of.
        every: seconds of epochs that a report carries.
        clock: in seconds.
    """

    def __init__(
        self,
        model: CostModel,
        *,
        every: Callable[[], float] = report_every,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._every, self._clock = model, every, clock
        self._guard = threading.Lock()
        self._running: dict[str, _Heard] = {}
        self._before: dict[str, dict[int, float]] = {}  # epochs of trials that do not run now
        self._around: list[float] = []  # seconds of an attempt that no epoch took

    def know(self, trials: Iterable[TrialRecord]) -> None:
        """What the ledger holds."""
        for trial in trials:
            if trial.epochs:
                self._before[trial.trial_id] = {e.epoch: _seconds(e) for e in trial.epochs}
                self._learn(trial.config, self._before[trial.trial_id])

    def begun(self, config: TrialConfig) -> None:
        """A process has been given a trial."""
        with self._guard:
            before = self._before.get(config.trial_id, {})
            self._running[config.trial_id] = _Heard(config, self._clock(), dict(before))

    def heard(self, trial_id: str, report: WorkerReport) -> None:
        """Take in what a running trial reports."""
        with self._guard:
            trial = self._running.get(trial_id)
            if trial is None:
                return
            if report.start is not None and report.start.afresh:
                trial.seconds.clear()
            if report.records:
                seconds = {record.epoch: _seconds(record) for record in report.records}
                trial.seconds |= seconds
                trial.heard, trial.here = self._clock(), trial.here + sum(seconds.values())
                self._learn(trial.config, trial.seconds)
            if report.last and trial.heard is not None:
                self._around.append(max(0.0, self._clock() - trial.begun - trial.here))

    def over(self, trial_id: str) -> None:
        """Its process has let go of a trial, ended or not."""
        with self._guard:
            trial = self._running.pop(trial_id, None)
            if trial is not None:
                self._before[trial_id] = trial.seconds

    def expected(self, config: TrialConfig, *, sure: bool = False) -> float | None:
        """Seconds that a trial takes from when it is given to a process, from its checkpoint on; None: not known yet.

        Args:
            sure: so long that 9 in 10 such trials take no longer.
        """
        if not self._model.known:
            return None
        with self._guard:
            known = self._before.get(config.trial_id, {})
            around = median(self._around) if self._around else 0.0
        left = config.optimization.epochs - len(known)
        if known:
            return left * float(np.mean(list(known.values()))) + around
        seconds, sd = self._model.epoch([config])
        return left * float(seconds[0]) * (float(np.exp(SURE * sd[0])) if sure else 1.0) + around

    def mean(self, configs: Sequence[TrialConfig]) -> float | None:
        """Mean seconds of trials that have not begun; None: not known yet."""
        if not self._model.known or not configs:
            return None
        with self._guard:
            around = median(self._around) if self._around else 0.0
        epochs = np.array([config.optimization.epochs for config in configs])
        return float(np.mean(epochs * self._model.epoch(configs)[0])) + around

    def rest(self) -> dict[str, float]:
        """Seconds that each running trial still takes; a trial of which nothing is known is left out."""
        found: dict[str, float] = {}
        with self._guard:
            running = dict(self._running)
        for trial_id, trial in running.items():
            each = self._epoch(trial)
            if each is None:
                continue
            since = self._clock() - (trial.begun if trial.heard is None else trial.heard)
            found[trial_id] = max(0.0, trial.left * each - min(since, self._pause(trial, each)))
        return found

    def longest_pause(self) -> float:
        """Seconds of the longest pause between two reports of the trials that run now; 0: none is known."""
        with self._guard:
            running = list(self._running.values())
        return max((self._pause(trial, s) for trial in running if (s := self._epoch(trial)) is not None), default=0.0)

    def _pause(self, trial: _Heard, each: float) -> float:
        """Between two of its reports, where an epoch takes so many seconds."""
        return each * min(trial.left, max(1, math.ceil(self._every() / each)) if each else 1)

    def _epoch(self, trial: _Heard) -> float | None:
        if trial.seconds:
            return float(np.mean(list(trial.seconds.values())))
        return float(self._model.epoch([trial.config])[0][0]) if self._model.known else None

    def _learn(self, config: TrialConfig, seconds: Mapping[int, float]) -> None:
        # The first epoch of a process loads code: where there are others, they say more.
        usual = [each for epoch, each in seconds.items() if epoch > 1] or list(seconds.values())
        self._model.learn(config, float(np.mean(usual)))


def _seconds(record: EpochRecord) -> float:
    return record.train_seconds + record.eval_seconds


def time_left(rest: Iterable[float], waiting: Iterable[float], slots: int) -> float:
    """Seconds until all trials have ended: those that wait are given, longest first, to the slot that is free first.

    Args:
        rest: seconds that each running trial still takes.
        waiting: seconds of each trial that does not run yet.
        slots: trials that run at once.
    """
    free = sorted(rest)[-slots:]
    free += [0.0] * (slots - len(free))
    heapify(free)
    for seconds in sorted(waiting, reverse=True):
        heapreplace(free, free[0] + seconds)
    return max(free)
