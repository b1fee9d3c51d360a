"""One run of a study, new or resumed: the same steps in the same order."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fitscape.study.config import StudyConfig
from fitscape.study.driver.background import Background, Interrupted
from fitscape.study.driver.backups import Upkeep
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.preflight import require
from fitscape.study.driver.preload import Ahead
from fitscape.study.driver.preparing import Known, Prepared, finish, prepare
from fitscape.study.errors import ExitCode
from fitscape.study.ledger import Ledger
from fitscape.study.reading.timm_names import extras
from fitscape.study.records import TrialState
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster, least_request
from fitscape.study.scheduling.events import Observer
from fitscape.study.scheduling.interruption import Interruption, listening
from fitscape.study.scheduling.outcome import Outcome
from fitscape.study.scheduling.preflight import Finding, look_at
from fitscape.study.tracking import Backlog, Shipper, check, parent_url

if TYPE_CHECKING:
    from fitscape.study.data import SealedData

SHIP_WITHIN = 30.0  # seconds without progress in which MLflow gets the rest at the end
SHIP_WITHIN_INTERRUPTED = 5.0


class Conduct:
    """Carries a study out. The caller holds the StudyLock."""

    def __init__(self, folder: Folder, observer: Observer, interruption: Interruption, address: str | None) -> None:
        self._folder, self._observer, self._interruption = folder, observer, interruption
        self._cluster = Cluster(address)
        self._ledger: Ledger | None = None

    def carry_out(self, config: StudyConfig, known: Known, open_ledger: Callable[["SealedData"], Ledger]) -> ExitCode:
        """Preflight, data, trials, labels, report, MLflow.

        Args:
            config: the study.
            known: from its earlier runs.
            open_ledger: the ledger for this data, new, or old and found to be of the same study.

        Raises:
            UserError: found before the first trial, or the ledger cannot be written.
        """
        preparing = Background(lambda: prepare(config, known, local=self._cluster.local))
        tracking = Background(lambda: check(self._folder.path.parent, config.tracking))
        try:
            self._cluster.__enter__()
            with listening(self._interruption, self._leave):
                self._cluster.wait_for_workers(least_request(config.resources), self._interruption)
                require(look_at(self._cluster, config.resources, self._folder.shared, extras(config)))
                trouble = tracking.result(self._interruption)
                if trouble is not None:
                    require([Finding(trouble.what, False, trouble.mend)])
                prepared = preparing.result(self._interruption)
                with open_ledger(prepared.data) as self._ledger:
                    return self._with_ledger(config, self._ledger, prepared)
        except Interrupted:
            return self._exit_code({})
        finally:
            self._ledger = None
            self._cluster.close()

    def wrap_up(self, config: StudyConfig, ledger: Ledger) -> ExitCode:
        """Labels, report and MLflow of a study that lacks no trial: it needs neither data nor Ray."""
        shipper = self._begin(config, ledger)
        Upkeep(self._folder, ledger, config, self._observer).close()
        return self._conclude(config, Outcome(counts=ledger.counts(), interrupted="", seconds=0.0), shipper)

    def _with_ledger(self, config: StudyConfig, ledger: Ledger, prepared: Prepared) -> ExitCode:
        shipper = self._begin(config, ledger)
        self._observer.on_data(prepared.data.summary())
        upkeep = Upkeep(self._folder, ledger, config, self._observer)
        try:
            outcome = self._trials(config, ledger, prepared)
        finally:
            upkeep.close()
        closing = Background(self._cluster.close)  # takes a second or two, in which the report is drawn
        code = self._conclude(config, outcome, shipper)
        closing.result()
        return code

    def _begin(self, config: StudyConfig, ledger: Ledger) -> Shipper:
        shipper = Shipper(self._folder.ledger, config.tracking)
        shipper.start()
        self._observer.on_start(config.search.trials, _ended(ledger))
        return shipper

    def _conclude(self, config: StudyConfig, outcome: Outcome, shipper: Shipper) -> ExitCode:
        report = "" if outcome.interrupted else self._labels_and_report()
        interrupted = bool(outcome.interrupted)
        backlog = shipper.close(SHIP_WITHIN_INTERRUPTED if interrupted else SHIP_WITHIN, extend=not interrupted)
        self._finish(config, outcome, report, backlog)
        return self._exit_code(outcome.counts)

    def _trials(self, config: StudyConfig, ledger: Ledger, prepared: Prepared) -> Outcome:
        from fitscape.study.scheduling.run_trials import run_trials

        settings, request = finish(prepared, config, ledger, self._cluster)
        left = config.search.trials - _ended(ledger)
        return run_trials(
            config,
            ledger,
            prepared.data.trial_data,
            cluster=self._cluster,
            request=request,
            settings=settings,
            checkpoints=CheckpointStore(self._folder.checkpoints),
            interruption=self._interruption,
            observer=Ahead(self._observer, left=left, slots=self._cluster.slots(request)),
        )

    def _labels_and_report(self) -> str:
        """Both can be made again from the ledger, so that a fault in them is not the study's."""
        try:
            from fitscape.study.opened import open_study
            from fitscape.study.report import build

            study = open_study(self._folder.path)
            with Ledger.open(self._folder.ledger) as ledger:
                ledger.put_labels(study.labels.values())
            return str(build(self._folder.path))
        except Exception as error:  # noqa: BLE001  (whatever it is, the trials are done and kept)
            self._observer.on_message(f"no report: {error} (fitscape report {self._folder.path.name} tries again)")
            return ""

    def _finish(self, config: StudyConfig, outcome: Outcome, report: str, backlog: Backlog) -> None:
        name, root = self._folder.path.name, self._folder.path.parent
        if outcome.interrupted:
            self._observer.on_message(f"{outcome.interrupted}; go on with: fitscape resume {name} --root {root}")
        if not backlog.empty:
            left = f"{backlog.points} points of {backlog.runs} trials and {backlog.files} files are not in MLflow"
            self._observer.on_message(f"{left}: {backlog.error}; ship them with: fitscape sync {name} --root {root}")
        self._observer.on_finish(
            {
                "counts": {state.value: count for state, count in outcome.counts.items()},
                "seconds": round(outcome.seconds, 3),
                "folder": str(self._folder.path),
                "report": report,
                "tracking": parent_url(self._folder.ledger, config.tracking) or "",
                "unshipped_points": backlog.points,
                "interrupted": outcome.interrupted,
            }
        )

    def _exit_code(self, counts: dict[TrialState, int]) -> ExitCode:
        if self._interruption.signal is not None:
            return ExitCode(128 + self._interruption.signal)
        if self._interruption.requested or counts.get(TrialState.FAILED):
            return ExitCode.TRIALS_FAILED
        return ExitCode.DONE

    def _leave(self, code: int) -> None:
        """At once: what runs is pending again, and the rest is in the ledger already."""
        ledger = self._ledger
        if ledger is not None:
            ledger.release()
        name, root = self._folder.path.name, self._folder.path.parent
        self._observer.on_message(f"leaving; go on with: fitscape resume {name} --root {root}")


def _ended(ledger: Ledger) -> int:
    """Trials that are over."""
    return sum(count for state, count in ledger.counts().items() if state.terminal)
