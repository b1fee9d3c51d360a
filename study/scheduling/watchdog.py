"""The driver's watchdog: for trials whose process cannot run the one of its own."""

import time
from typing import Any

import ray

from fitscape.study.scheduling.cluster import errand
from fitscape.study.scheduling.heartbeat import end_if_hung
from fitscape.study.scheduling.reports import Start

MARGIN = 5.0  # seconds beyond the limit: a process that can end itself does so first


class Watchdog:
    """Listens to trials. One that is silent for long is looked at on its node, by a task that takes no CPU.

    An epoch may well last longer than the limit, so that silence alone says nothing: what counts is the pulse
    that its process writes at every step. Called from Tune's loop only, and never waits.

    Args:
        limit: seconds without a step after which a trial counts as hung; None: there is no watchdog.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._heard: dict[str, float] = {}  # trial id -> when it last gave a sign
        self._started: dict[str, Start] = {}
        self._asked: dict[str, Any] = {}  # trial id -> the look that is under way

    def heard(self, trial_id: str, start: Start | None = None) -> None:
        """A trial has reported; ``start`` where a process has just taken it up."""
        self._heard[trial_id] = time.monotonic()
        if start is not None:
            self._started[trial_id] = start

    def silence(self, trial_id: str) -> float:
        """Seconds."""
        now = time.monotonic()
        return now - self._heard.get(trial_id, now)

    def forget(self, trial_id: str) -> None:
        """Its process is gone, or works for another trial."""
        self._started.pop(trial_id, None)
        self._asked.pop(trial_id, None)

    def look(self) -> None:
        """Have those looked at that are overdue; a process that is found hung is killed there, as Tune then hears."""
        if self._limit is None:
            return
        for trial_id, start in self._started.items():
            if self.silence(trial_id) >= self._limit + MARGIN and not self._asking(trial_id):
                self._asked[trial_id] = errand(end_if_hung, start.node_id).remote(start.pulse, self._limit)

    def _asking(self, trial_id: str) -> bool:
        look = self._asked.get(trial_id)
        return look is not None and not ray.wait([look], timeout=0)[0]
