"""The thread that writes a run into the ledger, so that Tune's loop never waits for a disk or a lock."""

import queue
import time
from collections.abc import Callable

from fitscape.study.errors import UserError
from fitscape.study.ledger import DECIDED, EXPECTED, Ledger
from fitscape.study.records import ModelSize, TrialRecord
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.events import EpochEnded, Event, Expected, Observer, TrialEnded, TrialStarted
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.reports import End, WorkerReport
from fitscape.study.threads import Lane, Lasting

RETRY_EVERY = 1.0  # seconds, while the ledger cannot be written
GIVE_UP_AFTER = 120.0  # seconds without a successful write: training on would measure what nobody keeps
FLUSH_WITHIN = 30.0  # seconds without a step forward that `close` waits
TRIES = 3  # of a report that is refused for another reason than the state of the disk


class Bookkeeper:
    """Takes reports in order, writes each, then passes it to the sampler and the observer.

    A report that cannot be written is tried again: nothing after it overtakes it. Nothing here raises into
    Tune's loop. What follows from a record (a sampler's model, a deleted checkpoint, a line on a terminal) has
    threads of its own, since the ledger waits for none of it. A trial's checkpoints are removed only after its
    end is on the disk.
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
        self._observer, self._interruption = Aside(observer), interruption
        self._sampler = Lane("the sampler's thread", self._observer.say)
        self._cleaner = Lane("the thread that removes checkpoints", self._observer.say)
        self._sizes: dict[str, ModelSize] = {}
        self._said: set[str] = set()  # what is said once
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._dealt_with = 0  # reports
        self._failing_since: float | None = None
        self._refusal: UserError | None = None
        self._lost: list[str] = []  # why a report was given up
        self._thread = Lasting("the ledger's writer", self._run, self._give_up)
        self._thread.start()

    # Called from Tune's loop: each only enqueues.

    def report(self, trial_id: str, report: WorkerReport) -> None:
        if report.cannot_go_on:
            self._interruption.request(report.cannot_go_on)
        self._inbox.put(lambda: self._write(trial_id, report))

    def ended(self, trial_id: str, end: End) -> None:
        self._inbox.put(lambda: self._end(trial_id, end))

    def message(self, text: str) -> None:
        self._observer.say(text)

    def decided(self, text: str) -> None:
        """What of the space is decided, in words: for the observer, and in the ledger for other processes."""
        self._inbox.put(lambda: self._ledger.set_meta(DECIDED, text))
        self._observer.say(text)

    def show(self, event: Event) -> None:
        """Pass on what no report brought. How long the rest will take is in the ledger too, for other processes."""
        if isinstance(event, Expected):
            said = [round(event.seconds, 1), time.time()]
            self._inbox.put(lambda: self._ledger.set_meta(EXPECTED, said))
        self._observer(event)

    def close(self, within: float = FLUSH_WITHIN) -> None:
        """Write what is left, for as long as something is written at least every ``within`` seconds.

        Raises:
            UserError: reports are not in the ledger; what it lacks will be run again by a resume.
        """
        self._inbox.put(None)
        seen, since = -1, 0.0
        while self._thread.is_alive():
            if seen != self._dealt_with:
                seen, since = self._dealt_with, time.monotonic()
            if time.monotonic() - since > within:
                raise self._refusal or UserError(
                    f"has not taken a report for {within:g} s", where=str(self._ledger.path), fix="check the disk"
                )
            self._thread.join(timeout=0.05)
        for follower in (self._sampler, self._cleaner):  # what is left of it, a resume makes good
            follower.close(within)
        self._observer.close(within)
        if self._lost:
            what = f"{len(self._lost)} reports were not written: {self._lost[0]}"
            raise UserError(what, where=str(self._ledger.path), fix="resume runs their trials again")

    # The thread

    def _run(self) -> None:
        while (task := self._inbox.get()) is not None:
            self._insist(task)
            self._dealt_with += 1

    def _insist(self, task: Callable[[], None]) -> None:
        tries = 0
        while True:
            try:
                task()
            except UserError as error:  # locked, full, read-only: may pass
                self._refused(error)
            except Exception as error:  # noqa: BLE001  (one report is lost, the study is not)
                tries += 1
                if tries == TRIES:
                    return self._give_up(f"a report was dropped: {type(error).__name__}: {error}")
            else:
                self._failing_since = self._refusal = None
                return None
            time.sleep(RETRY_EVERY)

    def _give_up(self, why: str) -> None:
        """The run goes on, and is an interrupted one at its end: not all of it is written down."""
        self._lost.append(why)
        self._observer.say(why)

    def _refused(self, error: UserError) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            self._observer.say(f"{error}; trying again")
        self._refusal = error
        if time.monotonic() - self._failing_since > GIVE_UP_AFTER:
            self._interruption.request(str(error))

    def _write(self, trial_id: str, report: WorkerReport) -> None:
        """A report as a whole may be written twice: each part of it is idempotent, but for the start."""
        for text in report.notices:
            self._observer.say(text)
        for text in report.once:
            if text not in self._said:
                self._said.add(text)
                self._observer.say(text)
        if report.start is not None:
            if report.start.afresh:
                self._ledger.void_epochs(trial_id)
            self._ledger.start_attempt(trial_id, report.start.node, report.start.device)
            self._observer(TrialStarted(self._ledger.trial(trial_id)))
        if report.size is not None:
            self._sizes[trial_id] = report.size
        if report.extra:
            self._ledger.annotate(trial_id, **report.extra)
        before = report.start.records if report.start is not None else ()
        for record in self._ledger.record_epochs(trial_id, (*before, *report.records)):
            self._observer(EpochEnded(trial_id, record))
        if report.end is not None:
            self._end(trial_id, report.end)

    def _end(self, trial_id: str, end: End) -> None:
        ended = self._ledger.end_trial(
            trial_id,
            end.state,
            end.message,
            late=end.late,
            size=self._sizes.get(trial_id),
            predictions=end.predictions,
            **end.extra,
        )
        if not ended:
            return
        self._sizes.pop(trial_id, None)
        trial = self._ledger.trial(trial_id)
        self._sampler.put(self._tell, trial)
        self._cleaner.put(self._checkpoints.delete, trial_id)
        self._observer(TrialEnded(trial))
