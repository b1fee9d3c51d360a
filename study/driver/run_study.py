"""One run of a study, new or resumed: the same steps in the same order."""

import os
import shlex
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fitscape.study.config import StudyConfig
from fitscape.study.driver.background import Background, Interrupted
from fitscape.study.driver.backups import Upkeep
from fitscape.study.driver.ending import REPORT_TOOK, labels_and_report
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.lease import Lease
from fitscape.study.driver.preflight import require
from fitscape.study.driver.preload import Ahead
from fitscape.study.driver.preparing import Known, PreparedStudy, finish, prepare, write_down
from fitscape.study.driver.starting_weights import Pinned, sentences
from fitscape.study.driver.wind_up import ending_in_time
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import write_whole
from fitscape.study.ledger import RUNNING, SETTINGS, Ledger
from fitscape.study.reading.timm_names import extras
from fitscape.study.records import TrialState
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.checks import PreflightCheck
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.estimate import describe, side_by_side
from fitscape.study.scheduling.events import DataRead, Finished, Message, Outcome, Started
from fitscape.study.scheduling.interruption import ASKED_BY, Interruption, listening, not_passed_on
from fitscape.study.scheduling.preflight import look_at
from fitscape.study.scheduling.time_limit import TimeLimit
from fitscape.study.search.designs import Grid
from fitscape.study.search.space import resolve
from fitscape.study.tracking import Backlog, Shipper, check, parent_url
from fitscape.study.tracking.location import locate

if TYPE_CHECKING:
    from fitscape.study.data import SealedData, TrialData

SHIP_WITHIN = 30.0  # seconds without progress in which MLflow gets the rest at the end
SHIP_WITHIN_INTERRUPTED = 5.0
LAST_WORDS = 0.3  # seconds that an observer has for them, when the process ends at once


class Conduct:
    """Carries a study out. The caller holds the StudyLock."""

    def __init__(
        self,
        folder: Folder,
        lease: Lease,
        observer: Aside,
        interruption: Interruption,
        address: str | None,
        limit: TimeLimit | None = None,
    ) -> None:
        self._folder, self._lease, self._observer, self._interruption = folder, lease, observer, interruption
        self._limit = limit
        self._cluster = Cluster(address)
        self._ledger: Ledger | None = None
        self._pinned: Pinned
        self._trials_began = False
        self._verdict = ""  # that the study is no better than guessing

    def carry_out(self, pinned: Pinned, known: Known, open_ledger: Callable[["SealedData"], Ledger]) -> ExitCode:
        """Preflight, data, trials, labels, report, MLflow.

        Args:
            pinned: the study, and the weights that its trials start from.
            known: from its earlier runs.
            open_ledger: the ledger for this data, new, or old and found to be of the same study.

        Raises:
            UserError: found before the first trial, or the ledger cannot be written.
        """
        config, self._pinned = pinned.config, pinned
        # A signal inside Ray's start would be lost; the processes that are started there inherit what is ignored.
        with not_passed_on() as deaf, listening(self._interruption, self._leave, ignored=ASKED_BY):
            preparing = Background(lambda: prepare(config, known, local=self._cluster.local, say=self._observer.say))
            tracking = Background(lambda: check(self._folder.path.parent, config.tracking))
            try:
                self._cluster.__enter__()
                with listening(self._interruption, self._leave, ignored=deaf):  # again: Ray has put its own there
                    if self._interruption.requested:
                        raise Interrupted
                    self._cluster.wait_for_workers(config.resources, self._interruption, self._observer.say)
                    storage, say = self._folder.shared, self._observer.say
                    require(look_at(self._cluster, config.resources, storage, extras(config), say), say)
                    trouble = tracking.result(self._interruption)
                    if trouble is not None:
                        require([PreflightCheck(trouble.what, False, trouble.fix)])
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
        with listening(self._interruption, self._leave):
            shipper = self._begin(config, ledger)
            self._sweep(ledger)
            Upkeep(self._folder, ledger, config, self._observer, self._lease).close()
            return self._conclude(config, Outcome(counts=ledger.counts(), interrupted="", seconds=0.0), shipper)

    def _with_ledger(self, config: StudyConfig, ledger: Ledger, prepared: PreparedStudy) -> ExitCode:
        """Once its trials have begun, what the disk refuses interrupts the study, and a resume goes on."""
        try:
            shipper = self._begin(config, ledger)
            self._show_data(config, ledger, prepared)
            write_down(prepared.data, ledger)
            upkeep = Upkeep(self._folder, ledger, config, self._observer, self._lease)
            try:
                with ending_in_time(self._folder, self._limit, self._interruption, self._observer):
                    outcome = self._trials(config, ledger, prepared)
                ledger.set_meta(RUNNING, None)
                ledger.checkpoint()
            finally:
                upkeep.close()
            closing = Background(self._cluster.close)  # takes a second or two, in which the report is drawn
            code = self._conclude(config, outcome, shipper, prepared.data.trial_data)
            closing.result()
            return code
        except (OSError, UserError) as error:
            if not self._trials_began:
                raise
            self._interruption.request(str(error))
            self._observer.say(f"{error}; {self._go_on}")
            return self._exit_code({})

    def _show_data(self, config: StudyConfig, ledger: Ledger, prepared: PreparedStudy) -> None:
        summary = prepared.data.summary()
        self._list_left_out(summary["unreadable"])
        self._observer(DataRead(summary))
        if config.search.sampler == "grid":
            size = Grid(resolve(config)).size
            self._observer(Message(f"the grid has {size:,} points, of which at most {config.search.trials} are run"))
        if summary.get("sizes"):
            self._observer.say(f"data: {summary['sizes']}")
        for warning in summary.get("warnings", ()):  # prepared data of an earlier release has none
            self._observer.say(f"data: {warning}")
        for sentence in (*self._pinned.notes, *sentences(ledger.provenance.get("weights", {}))):
            self._observer.say(sentence)

    def _list_left_out(self, unreadable: Sequence[str]) -> None:
        """Every file that cannot be read, with its reason, a line each; the screen shows the first few."""
        if unreadable:
            text = "".join(f"{line}\n" for line in unreadable)
            write_whole(self._folder.left_out, text)

    def _begin(self, config: StudyConfig, ledger: Ledger) -> Shipper:
        shipper = Shipper(self._folder.ledger, config.tracking, say=self._observer.say)
        shipper.start()
        self._observer(Started(config.search.trials, _ended(ledger)))
        return shipper

    def _conclude(
        self, config: StudyConfig, outcome: Outcome, shipper: Shipper, data: "TrialData | None" = None
    ) -> ExitCode:
        report = self._labels_and_report(outcome, data) if self._reports(outcome) else None
        if self._interruption.failing or self._limit is not None:
            backlog = shipper.close(SHIP_WITHIN_INTERRUPTED)
        else:  # Ctrl-C ends the waiting; what is left, `sync` ships
            backlog = shipper.close(SHIP_WITHIN, extend=True, enough=lambda: self._interruption.failing)
        self._finish(config, outcome, report or "", backlog)
        return self._exit_code(outcome.counts, report)

    def _sweep(self, ledger: Ledger) -> None:
        """A driver that was killed after its last trial's end has left that one's checkpoints."""
        if self._lease.holds():
            trouble = CheckpointStore(self._folder.checkpoints).try_to_sweep(ledger.ended())
            if trouble:
                self._observer.say(trouble)

    def _trials(self, config: StudyConfig, ledger: Ledger, prepared: PreparedStudy) -> Outcome:
        from fitscape.study.scheduling.run_trials import run_trials

        ledger.set_meta(RUNNING, {"host": socket.gethostname(), "pid": os.getpid()})
        asked = config.resources
        settings, request = finish(prepared, config, ledger, self._cluster, self._observer.say)
        self._lease.holds()  # before checkpoints of earlier runs are swept
        self._folder.write_config(ledger.config)
        if "auto" in (asked.precision, asked.memory_format):
            found = f"precision {settings.precision}, memory layout {settings.memory_format}"
            self._observer.say(f"{found}: measured, and kept in {self._folder.config}")
        left, slots = config.search.trials - _ended(ledger), self._cluster.slots(request)
        timed = ledger.get_meta(SETTINGS, {}).get("timed", ())
        timed = side_by_side(timed, request.per_card, mps=self._cluster.mps)
        if estimate := describe(config, prepared.shape.work, timed, slots, left):
            self._observer.say(f"expected: {estimate}")
        if self._limit is not None and (took := ledger.get_meta(REPORT_TOOK)) is not None:
            self._limit.report_took(*took)
        self._trials_began = True
        return run_trials(
            config,
            ledger,
            self._within_reach(prepared.data.trial_data),
            cluster=self._cluster,
            request=request,
            settings=settings,
            weights=self._pinned.weights,
            checkpoints=CheckpointStore(self._folder.checkpoints, grace=config.resources.storage_grace),
            interruption=self._interruption,
            observer=Ahead(self._observer, left=left, slots=slots),
            limit=self._limit,
            timed=timed,
        )

    def _within_reach(self, data: "TrialData") -> "TrialData":
        """The data; of a cluster's study with its mapped images, if any, put where every node can fetch them."""
        if data.mapped is None or self._cluster.local:
            return data
        from fitscape.study.data.mapped.sharing import put_images

        storage = self._folder.storage or str(self._folder.path.parent.absolute())
        return replace(data, mapped=put_images(data.mapped, storage, self._observer.say))

    def _reports(self, outcome: Outcome) -> bool:
        """Whether labels and report are made: of all trials, or of those that had ended when the run was ended."""
        return not outcome.interrupted or (self._interruption.reports and outcome.ended > 0)

    def _labels_and_report(self, outcome: Outcome, data: "TrialData | None") -> str:
        """Both can be made again from the ledger, so that a fault in them is not the study's."""
        try:
            page, self._verdict = labels_and_report(self._folder, outcome.ended, data)
            return page
        except Exception as error:  # noqa: BLE001  (whatever it is, the trials are done and kept)
            self._observer(
                Message(f"no report: {error} (fitscape report {shlex.quote(str(self._folder.path))} tries again)")
            )
            return ""

    def _finish(self, config: StudyConfig, outcome: Outcome, report: str, backlog: Backlog) -> None:
        name, root = self._folder.path.name, self._folder.path.parent
        at = shlex.quote(str(root))
        if outcome.interrupted:
            self._observer.say(f"{outcome.interrupted}; {self._go_on}")
        if not backlog.empty:
            left = f"{backlog.points} points of {backlog.runs} trials and {backlog.files} files are not in MLflow"
            self._observer(Message(f"{left}: {backlog.error}; ship them with: fitscape sync {name} --root {at}"))
        self._observer(
            Finished(
                {
                    "counts": {state.value: count for state, count in outcome.counts.items()},
                    "seconds": round(outcome.seconds, 3),
                    "folder": str(self._folder.path),
                    "report": report,
                    "guessing": self._verdict,
                    "tracking": parent_url(self._folder.ledger, config.tracking) or "",
                    "ui": _ui(config, root),
                    "unshipped_points": backlog.points,
                    "interrupted": outcome.interrupted,
                }
            )
        )

    def _exit_code(self, counts: dict[TrialState, int], report: str | None = None) -> ExitCode:
        """``report``: empty where it failed; None where none was to be written."""
        if self._interruption.signal is not None:  # also where it came after the trials
            return ExitCode(128 + self._interruption.signal)
        if self._interruption.failing:
            return ExitCode.INTERRUPTED
        if counts.get(TrialState.FAILED):
            return ExitCode.TRIALS_FAILED
        return ExitCode.REPORT_FAILED if report == "" else ExitCode.DONE

    def _leave(self, code: int) -> None:
        """At once: what runs is pending again, and the rest is in the ledger already."""
        ledger = self._ledger
        if ledger is not None:
            ledger.release()
        self._observer.say(f"leaving; {self._go_on}")
        self._observer.drain(LAST_WORDS)

    @property
    def _go_on(self) -> str:
        name, root = self._folder.path.name, shlex.quote(str(self._folder.path.parent))
        return f"continue with: fitscape resume {name} --root {root}"


def _ui(config: StudyConfig, root: Path) -> str:
    """The command that shows the study's MLflow store; empty where a server shows it."""
    location = locate(root, config.tracking)
    if location.served:
        return ""
    if config.tracking.uri is None:
        return f"fitscape ui --root {shlex.quote(str(root))}"
    return f"fitscape ui --tracking-uri {shlex.quote(location.public)}"


def _ended(ledger: Ledger) -> int:
    """Trials that are over."""
    return sum(count for state, count in ledger.counts().items() if state.terminal)
