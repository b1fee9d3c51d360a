"""Our hooks in Tune's loop: reports go to the bookkeeper, interruptions come back."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import Stopper

from fitscape.study.config import TrialConfig
from fitscape.study.scheduling.attempts import Attempts
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.pace import Pace
from fitscape.study.scheduling.reports import WorkerReport
from fitscape.study.scheduling.trial_queue import Live
from fitscape.study.scheduling.watchdog import Watchdog

LOOK_EVERY = 5.0  # seconds between two looks at the cluster


class Reports(Live, TrialProgressCallback):
    """Tune's callback. An exception here would end the whole study: these methods only enqueue.

    It is a TrialProgressCallback because Tune would else add one, which prints every trial.

    Args:
        bookkeeper: who writes.
        attempts: what becomes of trials whose process is lost.
        pace: learns how long trials take.
        timeout: the watchdogs' seconds: the one in a trial's process, and the one here for a process that is stopped.
        look: called every few seconds with the number of running trials.
    """

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        *,
        attempts: Attempts,
        pace: Pace,
        timeout: float | None,
        look: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._bookkeeper, self._attempts, self._timeout, self._look = bookkeeper, attempts, timeout, look
        self._pace = pace
        self._looked_at = 0.0
        self._watchdog = Watchdog(timeout)
        self._over: list[Trial] = []  # ended in this step of Tune's loop
        self._on_usr1 = signal.getsignal(signal.SIGUSR1)

    def setup(self, *given: Any, **info: Any) -> None:
        """Tune has just put a handler of its own on SIGUSR1, which ends the run as if it were done: ours comes back."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGUSR1, self._on_usr1)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        if time.monotonic() - self._looked_at >= LOOK_EVERY:
            self._looked_at = time.monotonic()
            self._look(sum(trial.status == Trial.RUNNING for trial in trials))
            self._watchdog.look()
        self._attempts.look()
        while self._over:  # more than half of what Tune keeps of a trial are averages that nobody reads
            trial = self._over.pop()
            for averages in ("metric_analysis", "metric_n_steps"):
                getattr(trial, averages, {}).clear()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._watchdog.heard(trial.config["id"])
        self._pace.begun(TrialConfig.model_validate_json(trial.config["trial"]))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        report: WorkerReport = result.pop("report")  # Tune would keep it, and write it into its snapshot
        self._watchdog.heard(trial.config["id"], report.start)
        self._pace.heard(trial.config["id"], report)
        self._bookkeeper.report(trial.config["id"], report)
        self._attempts.heard(trial.config["id"], report)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Its last report said that it has ended, or it was only interrupted."""
        self._over.append(trial)
        self._pace.over(trial.config["id"])
        self._watchdog.forget(trial.config["id"])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        trial_id = trial.config["id"]
        self._pace.over(trial_id)
        silent = self._timeout is not None and self._watchdog.silence(trial_id) >= self._timeout
        hung = f"hung: no step for {self._timeout:g} s" if silent else ""
        self._attempts.lost(TrialConfig.model_validate_json(trial.config["trial"]), _last_error(trial), hung)
        self._watchdog.forget(trial_id)


def _last_error(trial: Trial) -> str:
    """The text of the latest failure in Tune's error file."""
    try:
        return Path(trial.error_file).read_text().rpartition("\nFailure # ")[2]
    except (OSError, TypeError):  # no file was written
        return ""


class Stops(Live, FIFOScheduler):
    """Lets every trial run to its end, unless the run is interrupted: then each stops at its next report."""

    def __init__(self, interruption: Interruption) -> None:
        super().__init__()
        self._interruption = interruption

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        report: WorkerReport = result["report"]
        if report.last or self._interruption.requested:
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        if self._interruption.requested:  # what has not begun must not begin on the slots that become free
            for trial in list(tune_controller.get_live_trials()):
                if trial.status == Trial.PENDING:
                    trial.init_local_path()  # a trial without a folder would break Tune's list of results
                    tune_controller.stop_trial(trial)
        return None  # none before the others: Tune starts them in their order, and does not look through all of them


class Deadline(Live, Stopper):
    """Ends Tune's loop when an interruption's grace is over."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._interruption.overdue
