"""What becomes of a trial whose process was lost: it is handed out again, fails, or waits for the look at its card."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialState
from fitscape.study.scheduling.answers import ANSWER_WITHIN
from fitscape.study.scheduling.card_faults import CardFaults, Fault
from fitscape.study.scheduling.cluster import Cluster, errand
from fitscape.study.scheduling.crash_log import crash_of
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.losses import AttemptLoss, Losses
from fitscape.study.scheduling.reports import CRASHES, End, Start, WorkerReport
from fitscape.study.scheduling.trial_queue import Feed
from fitscape.study.training import SAFE_FORMAT

# What Ray says of a lost process, and what that is to a user. Ray's text for any crash speaks of OOM as well.
_CAUSES = {
    "low on memory": ("oom: its process was ended because its node ran out of memory", AttemptLoss.PROCESS),
    "node has died": ("its node died", AttemptLoss.MACHINE),
    "AttemptOutOfMemory": ("the memory of the card that it had is gone", AttemptLoss.MACHINE),
    "preempted": ("its node was preempted", AttemptLoss.MACHINE),
}
_KILLED = "worker process has died"


@dataclass(frozen=True)
class _Question:
    """To the node of a lost process: is it still there, and did the process crash?"""

    config: TrialConfig
    cause: str
    answer: Any
    until: float


class Attempts:
    """Every attempt at a trial is a trial of Tune's, which retries nothing. Called from Tune's loop only.

    Args:
        bookkeeper: writes the end of a trial that is given up.
        feed: hands a trial out again.
        cluster: entered; its cards are watched.
        attempts: ``resources.max_attempts``.
        interruption: nothing is handed out again once the run ends.
        check: tries a card again, on its node.
    """

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        feed: Feed,
        cluster: Cluster,
        *,
        attempts: int,
        interruption: Interruption,
        check: Callable[[str], str] | None = None,
    ) -> None:
        self._bookkeeper, self._feed, self._interruption = bookkeeper, feed, interruption
        self._losses = Losses(attempts)
        self._causes: dict[str, str] = {}  # of trials that wait for the look at their card
        self._started: dict[str, Start] = {}
        self._questions: list[_Question] = []
        self._crashes: defaultdict[str, list[str]] = defaultdict(list)  # signals, for each process that crashed
        self.faults = CardFaults(cluster, decided=self._decided, say=bookkeeper.message, check=check)

    def heard(self, trial_id: str, report: WorkerReport) -> None:
        """Take in a report of a running attempt."""
        self._losses.heard(trial_id, report)
        if report.start is not None:
            self._started[trial_id] = report.start
        if report.end is not None:
            self._forget(trial_id)

    def lost(self, config: TrialConfig, error: str, hung: str) -> None:
        """A trial's process has ended without its last report.

        Args:
            config: the trial.
            error: Ray's text.
            hung: why a watchdog ended it; empty where none did.
        """
        fault = Fault.read(error)
        known = next((cause for sign, cause in _CAUSES.items() if sign in error), None)
        if fault is not None:
            self._feed.hold(config)
            self._causes[config.trial_id] = f"card {fault.uuid}: {fault.text}"
            self.faults.failed(config.trial_id, fault)
            self._feed.paused = self.faults.settling
        elif known is not None:
            self._again(config, *known)
        else:  # an epoch may be longer than the limit: a crash says more than silence does
            self._ask(config, hung or ("its process was killed or crashed" if _KILLED in error else _last_line(error)))

    def _ask(self, config: TrialConfig, cause: str) -> None:
        """Ray often says the same of a process that was killed, of one that crashed, and of a node that is lost."""
        start = self._started.get(config.trial_id)
        if start is None:  # it never began
            self._again(config, cause, AttemptLoss.PROCESS)
            return
        self._feed.hold(config)
        answer = errand(crash_of, start.node_id).remote(Path(start.crash_log))
        self._questions.append(_Question(config, cause, answer, time.monotonic() + ANSWER_WITHIN))

    def _answered(self, question: _Question) -> bool:
        crash: str | None = None
        silent = not ray.wait([question.answer], timeout=0)[0]
        if not silent:
            with contextlib.suppress(ray.exceptions.RayError):  # it is gone
                crash = ray.get(question.answer)
        elif time.monotonic() < question.until:
            return False
        trial_id = question.config.trial_id
        if self._feed.let_go(trial_id) is None:  # the run has ended meanwhile
            return True
        if crash:
            self._crashes[trial_id].append(crash)
            self._again(question.config, f"its process crashed in native code ({crash})", AttemptLoss.PROCESS)
        elif crash is None:
            what = f"its node has not answered for {ANSWER_WITHIN:g} s" if silent else "its node died"
            self._again(question.config, what, AttemptLoss.MACHINE)
        else:
            self._again(question.config, question.cause, AttemptLoss.PROCESS)
        return True

    def look(self) -> None:
        """At each turn of Tune's loop."""
        self._questions = [question for question in self._questions if not self._answered(question)]
        self.faults.look()
        self._feed.paused = self.faults.settling

    def close(self) -> None:
        """The run is over: cards that are held are given back."""
        self.faults.close()

    def _decided(self, trial_id: str, card_is_broken: bool) -> None:
        config = self._feed.let_go(trial_id)
        if config is not None:
            self._again(
                config, self._causes.pop(trial_id), AttemptLoss.REFUSED if card_is_broken else AttemptLoss.MACHINE
            )

    def _again(self, config: TrialConfig, cause: str, loss: AttemptLoss) -> None:
        trial_id = config.trial_id
        again = self._losses.again(trial_id, loss)
        lost = self._losses.lost[trial_id]
        if again and not self._interruption.requested:
            tries = {
                AttemptLoss.PROCESS: f"attempt {lost + 1} of {self._losses.attempts}",
                AttemptLoss.MACHINE: "it goes on from its last checkpoint",
                AttemptLoss.REFUSED: "it goes on elsewhere",
            }
            crashes = self._crashes[trial_id]
            anew = (
                f" starts again, in memory layout {SAFE_FORMAT}" if len(crashes) == 1 and "crashed in" in cause else ""
            )
            self._bookkeeper.message(f"trial {trial_id}: {cause}; {tries[loss]}{anew}")
            self._feed.again(config, **({CRASHES: list(crashes)} if crashes else {}))
        elif not again:
            attempts = (
                f"{lost} attempts{'' if loss is AttemptLoss.PROCESS else ', the last ones without a new checkpoint'}"
            )
            self._bookkeeper.ended(trial_id, End(state=TrialState.FAILED, message=f"{cause} ({attempts})"))
            self._forget(trial_id)

    def _forget(self, trial_id: str) -> None:
        self._losses.forget(trial_id)
        self._started.pop(trial_id, None)
        self._crashes.pop(trial_id, None)


def _last_line(error: str) -> str:
    """Of Ray's many words, those that name what was raised."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return f"its process died: {lines[-1][:300]}" if lines else "its process died"
