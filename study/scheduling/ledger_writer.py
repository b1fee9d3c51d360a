"""The thread that writes a run into the ledger, so that Tune's loop never waits for a disk or a lock."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.records import ModelSize, TrialRecord
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.events import EpochEnded, Message, Observer, TrialEnded, TrialStarted
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.reports import End, Report

RETRY_EVERY = 1.0  # seconds, while the ledger cannot be written
GIVE_UP_AFTER = 120.0  # seconds without a successful write: training on would measure what nobody keeps
FLUSH_WITHIN = 30.0  # seconds that `close` may take


class Bookkeeper:
    """Takes reports in order, writes each, then tells the sampler and the observer.

    A report that cannot be written is tried again: nothing after it overtakes it. Nothing here raises into
    Tune's loop. A trial's checkpoints are removed only after its end is on the disk.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        tell: Callable[[TrialRecord], None],
        checkpoints: CheckpointStore,
        observer: Observer,
        interruption: Interruption,
    ) -> None:
        self._ledger, self._tell, self._checkpoints = ledger, tell, checkpoints
        self._observer, self._interruption = observer, interruption
        self._sizes: dict[str, ModelSize] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._failing_since: float | None = None
        self._refusal: UserError | None = None
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._thread.start()

    # Called from Tune's loop: each only enqueues.

    def report(self, trial_id: str, report: Report) -> None:
        self._inbox.put(lambda: self._write(trial_id, report))

    def ended(self, trial_id: str, end: End) -> None:
        self._inbox.put(lambda: self._end(trial_id, end))

    def message(self, text: str) -> None:
        self._inbox.put(lambda: self._quietly(self._observer, Message(text)))

    def close(self, within: float = FLUSH_WITHIN) -> None:
        """Write what is left.

        Raises:
            UserError: the ledger still cannot be written; what it lacks will be run again by a resume.
        """
        self._inbox.put(None)
        self._thread.join(timeout=within)
        if self._thread.is_alive() and self._refusal is not None:
            raise self._refusal

    # The thread

    def _run(self) -> None:
        while (task := self._inbox.get()) is not None:
            self._insist(task)

    def _insist(self, task: Callable[[], None]) -> None:
        while True:
            try:
                task()
            except UserError as error:  # locked, full, read-only: may pass
                self._refused(error)
                time.sleep(RETRY_EVERY)
            except Exception as error:  # noqa: BLE001  (one report is lost, the study is not)
                text = f"a report was dropped: {type(error).__name__}: {error}"
                return self._quietly(self._observer, Message(text))
            else:
                self._failing_since = self._refusal = None
                return None

    def _refused(self, error: UserError) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            self._quietly(self._observer, Message(f"{error}; trying again"))
        self._refusal = error
        if time.monotonic() - self._failing_since > GIVE_UP_AFTER:
            self._interruption.request(str(error))

    def _write(self, trial_id: str, report: Report) -> None:
        """A report as a whole may be written twice: each part of it is idempotent, but for the start."""
        for text in report.notices:
            self._quietly(self._observer, Message(text))
        if report.start is not None:
            if report.start.afresh:
                self._ledger.void_epochs(trial_id)
            self._ledger.start_attempt(trial_id, report.start.node, report.start.device)
            self._quietly(self._observer, TrialStarted(self._ledger.trial(trial_id)))
        if report.size is not None:
            self._sizes[trial_id] = report.size
        if report.extra:
            self._ledger.annotate(trial_id, **report.extra)
        for record in (report.start.record if report.start is not None else None, report.record):
            if record is not None and self._ledger.record_epoch(trial_id, record):
                self._quietly(self._observer, EpochEnded(trial_id, record))
        if report.end is not None:
            self._end(trial_id, report.end)

    def _end(self, trial_id: str, end: End) -> None:
        size = self._sizes.get(trial_id)
        if not self._ledger.end_trial(trial_id, end.state, end.message, late=end.late, size=size, **end.extra):
            return
        self._sizes.pop(trial_id, None)
        trial = self._ledger.trial(trial_id)
        self._quietly(self._tell, trial)
        self._quietly(self._checkpoints.delete, trial_id)
        self._quietly(self._observer, TrialEnded(trial))

    def _quietly(self, act: Callable[..., Any], *arguments: Any) -> None:
        """What follows from a record must not undo it: a resume makes it good."""
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001  (a sampler, a storage, somebody's live view)
            if act is not self._observer:
                self.message(f"{type(error).__name__}: {error}")
