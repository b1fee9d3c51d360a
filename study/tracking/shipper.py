"""The thread that brings MLflow up to the ledger. Nothing in the study ever waits for it."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import EventKind, Ledger, StudyLock
from fitscape.study.tracking import parent, projection
from fitscape.study.tracking.errors import explain
from fitscape.study.tracking.location import locate
from fitscape.study.tracking.nets import nets
from fitscape.study.tracking.session import Session, rejected_key

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds between attempts while MLflow fails; doubled each time
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

    def __init__(self, ledger_path: Path, config: TrackingConfig, *, interval: float = 1.0) -> None:
        self._path = ledger_path
        self._location = locate(ledger_path.absolute().parent.parent, config)
        self._interval = interval  # seconds between looks at the ledger
        self._thread = threading.Thread(target=self._work, name="mlflow-shipper", daemon=True)
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._grace = 0.0  # seconds that each progress adds to the deadline
        self._uploaded: set[Path] = set()
        self._refreshed = time.monotonic()
        self._done = False
        self.error = ""  # of the latest attempt, for a status line; empty while all is well

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float, *, extend: bool = False) -> Backlog:
        """Drain for at most ``timeout`` seconds (``extend``: since the last progress), then say what is left.

        A hung server does not hold this up: the thread is left behind and dies with the process.
        """
        self._grace = timeout if extend else 0.0
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        while self._thread.is_alive() and (left := self._deadline - time.monotonic()) > 0:
            self._thread.join(min(left, 0.1))
        return self._backlog()

    def _work(self) -> None:
        session: Session | None = None
        pause = 0.0
        with Ledger.open(self._path) as ledger:
            self._await_news(ledger)
            while time.monotonic() < self._deadline:
                try:
                    if session is None:
                        session = Session(ledger, self._location)
                        if not self._closing.is_set():
                            session.describe(leaving=False)
                    self._drain(session)
                    if self._closing.is_set():
                        self._leave(session, ledger)
                        return
                    if time.monotonic() - self._refreshed > _REFRESH_SECONDS:
                        self._refresh(session, ledger)
                    self.error, pause = "", 0.0
                except Exception as error:  # noqa: BLE001  whatever it is, the trials go on and it is tried again
                    session = None
                    self.error = str(explain(error, self._location))
                    pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                self._rest(pause or self._interval)

    def _await_news(self, ledger: Ledger) -> None:
        """Until a trial has begun: importing mlflow and making its tables takes seconds of the way there."""
        while not self._closing.is_set() and not any(projection.begun(t) for t in ledger.trials(epochs=())):
            self._rest(self._interval)

    def _rest(self, seconds: float) -> None:
        """Sleep; ``close`` wakes it, and while closing it ends at the deadline."""
        if self._closing.is_set():
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))
        else:
            self._closing.wait(seconds)

    def _drain(self, session: Session) -> None:
        while time.monotonic() < self._deadline and session.ship():
            self._progressed()

    def _progressed(self) -> None:
        if self._grace:
            self._deadline = time.monotonic() + self._grace

    def _leave(self, session: Session, ledger: Ledger) -> None:
        """The last things: doubles removed, the parent's end, files. Raises TimeoutError at the deadline."""
        session.reconcile()
        self._drain(session)
        session.describe(leaving=True)
        for file, folder in parent.files(self._path.parent):
            if file not in self._uploaded:
                self._in_time()
                session.client.upload(session.parent_id, file, folder)
                self._uploaded.add(file)
                self._progressed()
        for trial_id, net in nets(self._path.parent):
            self._in_time()
            session.log_net(trial_id, net)
            self._progressed()
        self._in_time()
        self._upload_ledger(session, ledger)
        self._done, self.error = True, ""

    def _in_time(self) -> None:
        if time.monotonic() >= self._deadline:
            raise TimeoutError("timeout: files are left")

    def _refresh(self, session: Session, ledger: Ledger) -> None:
        self._refreshed = time.monotonic()  # also where it fails: metrics must not wait for files
        session.describe(leaving=False)
        self._upload_ledger(session, ledger)

    def _upload_ledger(self, session: Session, ledger: Ledger) -> None:
        with TemporaryDirectory() as folder:
            copy = ledger.backup(Path(folder) / self._path.name)
            session.client.upload(session.parent_id, copy, parent.LEDGER_FOLDER)

    def _backlog(self) -> Backlog:
        sink = self._location.sink
        with Ledger.open(self._path, read_only=True) as ledger:
            unsent = ledger.events(ledger.cursor(sink), 10**9)
            rejected: dict[str, str] = ledger.get_meta(rejected_key(sink), {})
            runs = {event.trial_id for event in unsent if event.trial_id} | rejected.keys()
            records = {(t, record.epoch): record for t in runs for record in ledger.trial(t).epochs}
        epochs = {(e.trial_id, e.epoch) for e in unsent if e.kind is EventKind.EPOCH}
        epochs |= {key for key in records if key[0] in rejected}
        points = sum(len(projection.metrics(record)) for key, record in records.items() if key in epochs)
        files = 0 if self._done else 1 + sum(f not in self._uploaded for f, _ in parent.files(self._path.parent))
        refused = "; ".join(f"trial {trial_id}: {reason}" for trial_id, reason in rejected.items())
        error = self.error or ("" if self._done else f"{self._location.public}: no answer in time")
        return Backlog(points, len(runs), files, error or refused)


def sync(ledger_path: Path, uri: str | None = None, *, patience: float = 30.0) -> Backlog:
    """Ship what a study still owes MLflow, at ``uri`` or where its config says; gives up after ``patience``
    seconds without progress.

    Raises:
        StudyLocked: a driver runs the study, and ships it itself.
        UserError: there is no sound ledger.
    """
    with StudyLock(ledger_path.parent), Ledger.open(ledger_path) as ledger:
        ledger.release()  # nobody runs it: what its last driver left running was interrupted
        config = ledger.config.tracking
        shipper = Shipper(ledger_path, config if uri is None else config.model_copy(update={"uri": uri}))
        shipper.start()
        return shipper.close(patience, extend=True)


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
