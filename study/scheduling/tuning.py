"""Our hooks in Tune's loop: reports go to the bookkeeper, interruptions come back."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.stopper import Stopper

from fitscape.study.records import TrialState
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.ledger_writer import Bookkeeper
from fitscape.study.scheduling.live import Live
from fitscape.study.scheduling.reports import CRASHES, End, Report
from fitscape.study.scheduling.watchdog import Watchdog
from fitscape.study.training import SAFE_FORMAT

LOOK_EVERY = 5.0  # seconds between two looks at the cluster

# What Ray says of a lost process, and what that is to a user. Ray's text for any crash speaks of OOM as well.
CRASHED = "worker process has died"
_CAUSES = {
    "low on memory": "oom: its process was ended because its node ran out of memory",
    "node has died": "its node died",
    "preempted": "its node was preempted",
}


class Reports(Live, TrialProgressCallback):
    """Tune's callback. An exception here would end the whole study: these methods only enqueue.

    It is a TrialProgressCallback because Tune would else add one, which prints every trial.

    Args:
        bookkeeper: who writes.
        attempts: how often a trial whose process dies is run, all in all.
        timeout: the watchdogs' seconds: the one in a trial's process, and the one here for a process that is stopped.
        look: called every few seconds with the number of running trials.
    """

    def __init__(
        self,
        bookkeeper: Bookkeeper,
        *,
        attempts: int,
        timeout: float | None,
        look: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._bookkeeper, self._attempts, self._timeout, self._look = bookkeeper, attempts, timeout, look
        self._looked_at = 0.0
        self._watchdog = Watchdog(timeout)
        self._over: list[Trial] = []  # ended in this step of Tune's loop

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        if time.monotonic() - self._looked_at >= LOOK_EVERY:
            self._looked_at = time.monotonic()
            self._look(sum(trial.status == Trial.RUNNING for trial in trials))
            self._watchdog.look()
        while self._over:  # more than half of what Tune keeps of a trial are averages that nobody reads
            trial = self._over.pop()
            for averages in ("metric_analysis", "metric_n_steps"):
                getattr(trial, averages, {}).clear()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._watchdog.heard(trial.config["id"])

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        report: Report = result.pop("report")  # Tune would keep it, and write it into its snapshot
        self._watchdog.heard(trial.config["id"], report.start)
        self._bookkeeper.report(trial.config["id"], report)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Its last report said that it has ended, or it was only interrupted."""
        self._over.append(trial)
        self._watchdog.forget(trial.config["id"])

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        tries = f"attempt {trial.num_failures + 1} of {self._attempts}"
        cause, crash = self._cause(trial)
        if crash:
            trial.config[CRASHES] = [*trial.config.get(CRASHES, []), crash]  # its next process reads it
            if len(trial.config[CRASHES]) == 1:
                tries += f" begins anew, in memory layout {SAFE_FORMAT}"
        self._bookkeeper.message(f"trial {trial.config['id']}: {cause}; {tries}")
        self._watchdog.forget(trial.config["id"])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        end = End(state=TrialState.FAILED, message=f"{self._cause(trial)[0]} ({trial.num_failures} attempts)")
        self._bookkeeper.ended(trial.config["id"], end)
        self._watchdog.forget(trial.config["id"])

    def _cause(self, trial: Trial) -> tuple[str, str]:
        """Why a trial's process ended, in a few words instead of Ray's many; and the signal, if it crashed."""
        error = _last_error(trial)
        for sign, cause in _CAUSES.items():  # an epoch may be longer than the limit: first what Ray knows for sure
            if sign in error:
                return cause, ""
        crash = self._watchdog.crash(trial.config["id"]) if CRASHED in error else ""
        if crash:
            return f"its process crashed in native code ({crash})", crash
        if self._timeout is not None and self._watchdog.silence(trial.config["id"]) >= self._timeout:
            return f"hung: no step for {self._timeout:g} s", ""
        if CRASHED in error:
            return "its process was killed or crashed", ""
        lines = [line.strip() for line in error.splitlines() if line.strip()]
        return (f"its process died: {lines[-1][:300]}" if lines else "its process died"), ""


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
        report: Report = result["report"]
        if report.last or self._interruption.requested:
            return TrialScheduler.STOP
        return TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        if self._interruption.requested:  # what has not begun must not begin on the slots that become free
            for trial in list(tune_controller.get_live_trials()):
                if trial.status == Trial.PENDING:
                    trial.init_local_path()  # a trial without a folder would break Tune's list of results
                    tune_controller.stop_trial(trial)
            return None
        return super().choose_trial_to_run(tune_controller)


class Deadline(Live, Stopper):
    """Ends Tune's loop when an interruption's grace is over."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._interruption.overdue
