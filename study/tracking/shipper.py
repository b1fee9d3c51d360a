"""The thread that brings MLflow up to the ledger. Nothing in the study ever waits for it."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import EventKind, Ledger, StudyLock
from fitscape.study.threads import Lasting
from fitscape.study.tracking import pace, parent, projection
from fitscape.study.tracking.client import load
from fitscape.study.tracking.errors import explain, is_late, may_pass
from fitscape.study.tracking.location import locate
from fitscape.study.tracking.nets import nets
from fitscape.study.tracking.progress import SyncProgress
from fitscape.study.tracking.refusals import Refusals
from fitscape.study.tracking.session import OldCopy, Session

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds between attempts while MLflow fails; doubled each time
UPLOAD = ".upload"  # folder of the study's, for the copy of the ledger that is under way to MLflow
LINK = "FITSCAPE_MLFLOW_LINK"
_REFRESH_SECONDS = 300.0  # between updates of the parent's text and uploads of the ledger


@dataclass(frozen=True)
class Backlog:
    """What MLflow has not got; all of it is in the ledger and the study's folder, and ``sync`` ships it."""

    points: int  # metric values
    runs: int  # trials with something unsent
    files: int
    error: str  # why, in one line; empty when there is no backlog

    @property
    def empty(self) -> bool:
        return not (self.points or self.runs or self.files or self.error)


class Shipper:
    """Ships one study while it runs: ``start``, then ``close`` when the study has ended and its report is built.

    One a study at a time: it belongs to the holder of the StudyLock. Neither method raises for what MLflow does.
    """

    def __init__(
        self,
        ledger_path: Path,
        config: TrackingConfig,
        *,
        interval: float = 1.0,
        say: Callable[[str], object] = lambda text: None,
        patient: bool = False,
    ) -> None:
        self._path = ledger_path
        self._location = locate(ledger_path.absolute().parent.parent, config)
        self._interval = interval  # seconds between looks at the ledger
        self._say = say  # called when something that is no outage goes wrong
        self._thread = Lasting("the shipper", self._work, self._died)
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._grace = 0.0  # seconds that each progress adds to the deadline
        self._patient = patient  # while closing, an upload may take as long as its size needs
        self._sent: set[object] = set()  # what has counted as progress: nothing counts twice
        self._uploaded: set[Path] = set()
        self.trials: set[str] = set()  # those of which MLflow has got something
        self._refreshed = time.monotonic()
        self._done = False
        self.refusal: OldCopy | None = None  # then nothing is shipped
        self.error = ""  # of the latest attempt, for a status line; empty while all is well

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float, *, extend: bool = False, enough: Callable[[], bool] = lambda: False) -> Backlog:
        """Drain for at most ``timeout`` seconds (``extend``: since the last progress), then say what is left.

        Progress is a trial or a file that MLflow had not got before, or an answer on the way. ``enough()`` ends the
        waiting early. A hung server does not hold this up: the thread is left behind and dies with the process.
        """
        self._grace = timeout if extend else 0.0
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        while self._thread.is_alive() and (left := self._deadline - time.monotonic()) > 0 and not enough():
            self._thread.join(min(left, 0.1))
        self._deadline = min(self._deadline, time.monotonic())
        return self._backlog()

    def _died(self, text: str) -> None:
        if self.error != text:
            self.error = text
            self._say(text)

    def _work(self) -> None:
        """All of it, from wherever the ledger and MLflow say that it stands."""
        with Ledger.open(self._path) as ledger:
            self._await_news(ledger)
            session: Session | None = None
            pause, sent = 0.0, 0
            while time.monotonic() < self._deadline:
                try:
                    if session is None:
                        session = Session(ledger, self._location, self._progressed)
                        if not self._closing.is_set():
                            session.describe(leaving=False)
                    self._drain(session)
                    if self._closing.is_set():
                        self._leave(session, ledger)
                        return
                    if time.monotonic() - self._refreshed > _REFRESH_SECONDS:
                        self._refresh(session, ledger)
                    self.error, pause = "", 0.0
                except OldCopy as error:
                    self.refusal, self.error = error, str(error)
                    self._say(self.error)
                    return
                except Exception as error:  # noqa: BLE001  whatever it is, the trials go on and it is tried again
                    if not may_pass(error):
                        session = None
                    if is_late(error):
                        pace.be_patient()
                    self.error = str(explain(error, self._location))
                    pause = (
                        min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE) if len(self._sent) == sent else _FIRST_PAUSE
                    )
                    sent = len(self._sent)
                self._rest(max(pause or self._interval, pace.asked_to_wait()))

    def _await_news(self, ledger: Ledger) -> None:
        """Until a trial has begun: importing mlflow and making its tables takes seconds of the way there."""
        while not self._closing.is_set() and not ledger.begun:
            self._rest(self._interval)

    def _rest(self, seconds: float) -> None:
        """Sleep; ``close`` wakes it, and while closing it ends at the deadline."""
        if self._closing.is_set():
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))
        else:
            self._closing.wait(seconds)

    def _drain(self, session: Session) -> None:
        while time.monotonic() < self._deadline and (sent := session.ship()):
            for what in sent:
                self._progressed(what)

    def _progressed(self, what: object) -> None:
        """MLflow has got something; the same thing again is no progress."""
        if what in self._sent:
            return
        self._sent.add(what)
        if isinstance(what, tuple):
            self.trials.add(what[1])
        if self._grace:
            self._deadline = time.monotonic() + self._grace

    def _leave(self, session: Session, ledger: Ledger) -> None:
        """The last things: doubles removed, the parent's end, files. Raises TimeoutError at the deadline.

        A file that is refused does not hold up the others; what it was refused for is raised after them.
        """
        session.reconcile()
        self._drain(session)
        session.describe(leaving=True)
        refused: Exception | None = None
        for file, folder in parent.files(self._path.parent):
            if file not in self._uploaded:
                try:
                    with self._time_for(file):
                        session.client.upload(session.parent_id, file, folder)
                except session.client.Refused as error:
                    refused = error
                    continue
                self._uploaded.add(file)
        for trial_id, net in nets(self._path.parent):
            with self._time_for(net):
                session.log_net(trial_id, net)
        self._upload_ledger(session, ledger)
        if session.doubtful:  # a hung server has had the time of all this to make a second run
            session.reconcile()
            self._drain(session)
        if refused is not None:
            raise refused
        self._done, self.error = True, ""

    @contextmanager
    def _time_for(self, what: Path) -> Iterator[None]:
        """Within it a file or a folder of files is uploaded, each in one call: ``sync`` waits for the end of them."""
        until = self._deadline
        if time.monotonic() >= until:
            raise TimeoutError("timeout: files are left")
        if self._patient:
            files = [file for file in (what, *what.rglob("*")) if file.is_file()]
            self._deadline = max(until, time.monotonic() + sum(pace.seconds_for(f.stat().st_size) for f in files))
        arrived = False
        try:
            yield
            arrived = True
        finally:
            if arrived and what not in self._sent:
                self._progressed(what)
            else:
                self._deadline = min(until, self._deadline)

    def _refresh(self, session: Session, ledger: Ledger) -> None:
        self._refreshed = time.monotonic()  # also where it fails: metrics must not wait for files
        session.describe(leaving=False)
        self._upload_ledger(session, ledger)

    def _upload_ledger(self, session: Session, ledger: Ledger) -> None:
        """From one place in the study's folder: what a kill leaves there, the next copy replaces."""
        copy = self._path.with_name(UPLOAD) / self._path.name
        ledger.backup(copy)
        with self._time_for(copy):
            session.client.upload(session.parent_id, copy, parent.LEDGER_FOLDER)
        shutil.rmtree(copy.parent, ignore_errors=True)

    def _backlog(self) -> Backlog:
        sink = self._location.sink
        with Ledger.open(self._path, read_only=True) as ledger:
            unsent = ledger.events(ledger.cursor(sink), 10**9)
            rejected = Refusals(ledger, sink).reasons
            runs = {event.trial_id for event in unsent if event.trial_id} | rejected.keys()
            trials = (ledger.trial(trial_id, details=False) for trial_id in runs)
            records = {(t.trial_id, record.epoch): record for t in trials for record in projection.shown(t)}
        epochs = {(e.trial_id, e.epoch) for e in unsent if e.kind is EventKind.EPOCH}
        epochs |= {key for key in records if key[0] in rejected}
        points = sum(len(projection.metrics(record)) for key, record in records.items() if key in epochs)
        files = 0 if self._done else 1 + sum(f not in self._uploaded for f, _ in parent.files(self._path.parent))
        refused = "; ".join(f"trial {trial_id}: {reason}" for trial_id, reason in rejected.items())
        error = self.error or ("" if self._done else f"{self._location.public}: no answer in time")
        return Backlog(points, len(runs), files, error or refused)


def sync(
    ledger_path: Path,
    uri: str | None = None,
    *,
    patience: float = 30.0,
    say: Callable[[str], object] = lambda text: None,
) -> Backlog:
    """Ship what a study still owes MLflow, at ``uri`` or where its config says; gives up after ``patience``
    seconds without progress, an upload under way apart. ``say`` hears how far it is, every few seconds.

    Raises:
        StudyLocked: a driver runs the study, and ships it itself.
        OldCopy: MLflow has more of the study than this ledger, and keeps it.
        UserError: there is no sound ledger.
    """
    with StudyLock(ledger_path.parent), Ledger.open(ledger_path) as ledger:
        ledger.release()  # nobody runs it: what its last driver left running was interrupted
        config = ledger.config.tracking
        config = config if uri is None else config.model_copy(update={"uri": uri})
        load()  # a machine that takes long for it is no server that has fallen silent
        shipper = Shipper(ledger_path, config, patient=True)
        sink = locate(ledger_path.absolute().parent.parent, config).sink
        owed = {event.trial_id for event in ledger.events(ledger.cursor(sink), 10**9) if event.trial_id}
        progress = SyncProgress(len(owed), say)
        shipper.start()
        backlog = shipper.close(patience, extend=True, enough=lambda: progress.enough(len(shipper.trials)))
        if shipper.refusal is not None:
            raise shipper.refusal
        return backlog


def parent_url(ledger_path: Path, config: TrackingConfig, ui: str = "http://127.0.0.1:5000") -> str | None:
    """The page of the study's run; None until it is there. ``ui`` is where a store without a server is shown.

    Nodes of a cluster may know a server by a name that a browser does not: $FITSCAPE_MLFLOW_LINK is the browser's.
    """
    location = locate(ledger_path.absolute().parent.parent, config)
    with Ledger.open(ledger_path, read_only=True) as ledger:
        where = ledger.get_meta(parent.where_key(location.sink))
    if where is None:
        return None
    host = ((os.environ.get(LINK) or location.public) if location.served else ui).rstrip("/")
    # Without the query, MLflow's pages are arranged for prompts and traces.
    return f"{host}/#/experiments/{where['experiment_id']}/runs/{where['run_id']}?workflowType=machine_learning"
