"""What becomes of a trial whose process was lost: it is handed out again, fails, or waits for the look at its card."""

from collections.abc import Callable

from fitscape.study.config import TrialConfig
from fitscape.study.records import TrialState
from fitscape.study.scheduling.card_faults import CardFaults, Fault
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.losses import Loss, Losses
from fitscape.study.scheduling.reports import End, Report
from fitscape.study.scheduling.trial_queue import Feed

# What Ray says of a lost process, and what that is to a user. Ray's text for any crash speaks of OOM as well.
_CAUSES = {
    "low on memory": ("oom: its process was ended because its node ran out of memory", Loss.PROCESS),
    "node has died": ("its node died", Loss.MACHINE),
    "preempted": ("its node was preempted", Loss.MACHINE),
    "worker process has died": ("its process was killed or crashed", Loss.PROCESS),
}


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
        feed.on_idle = self.look
        self._causes: dict[str, str] = {}  # of trials that wait for the look at their card
        self.faults = CardFaults(cluster, decided=self._decided, say=bookkeeper.message, check=check)

    def heard(self, trial_id: str, report: Report) -> None:
        """Take in a report of a running attempt."""
        self._losses.heard(trial_id, report)
        if report.end is not None:
            self._losses.forget(trial_id)

    def lost(self, config: TrialConfig, error: str, hung: str) -> None:
        """A trial's process has ended without its last report.

        Args:
            config: the trial.
            error: Ray's text.
            hung: why a watchdog ended it; empty where none did.
        """
        fault = Fault.read(error)
        if fault is None:
            self._again(config, *((hung, Loss.PROCESS) if hung else _cause(error)))
            return
        self._feed.hold(config)
        self._causes[config.trial_id] = f"card {fault.uuid}: {fault.text}"
        self.faults.failed(config.trial_id, fault)
        self._feed.paused = self.faults.settling

    def look(self) -> None:
        """At each turn of Tune's loop."""
        self.faults.look()
        self._feed.paused = self.faults.settling

    def close(self) -> None:
        """The run is over: cards that are held are given back."""
        self.faults.close()

    def _decided(self, trial_id: str, card_is_broken: bool) -> None:
        config = self._feed.let_go(trial_id)
        if config is not None:
            self._again(config, self._causes.pop(trial_id), Loss.REFUSED if card_is_broken else Loss.MACHINE)

    def _again(self, config: TrialConfig, cause: str, loss: Loss) -> None:
        trial_id = config.trial_id
        again = self._losses.again(trial_id, loss)
        lost = self._losses.lost[trial_id]
        if again and not self._interruption.requested:
            tries = {
                Loss.PROCESS: f"attempt {lost + 1} of {self._losses.attempts}",
                Loss.MACHINE: "it goes on from its last checkpoint",
                Loss.REFUSED: "it goes on elsewhere",
            }
            self._bookkeeper.message(f"trial {trial_id}: {cause}; {tries[loss]}")
            self._feed.again(config)
        elif not again:
            attempts = f"{lost} attempts" if loss is Loss.PROCESS else f"{lost} attempts, the last of them in vain"
            self._bookkeeper.ended(trial_id, End(state=TrialState.FAILED, message=f"{cause} ({attempts})"))
            self._losses.forget(trial_id)


def _cause(error: str) -> tuple[str, Loss]:
    """Why a trial's process ended, in a few words instead of Ray's many."""
    for sign, cause in _CAUSES.items():
        if sign in error:
            return cause
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return (f"its process died: {lines[-1][:300]}" if lines else "its process died"), Loss.PROCESS
