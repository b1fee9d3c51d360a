"""What a run tells whoever watches it: a live view, a log, a test."""

from typing import Any, Protocol

from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.threads import Lane

ROOM = 1000  # events that may wait for an observer


class Observer(Protocol):
    """Called from one thread that nothing else waits for; what it raises is dropped."""

    def on_start(self, total: int, done: int) -> None:
        """``total`` trials are wanted, ``done`` of them have ended in earlier runs."""

    def on_data(self, summary: dict[str, Any]) -> None:
        """What the study runs on: `study.data.SealedData.summary`, with the files that cannot be read."""

    def on_trial_start(self, record: TrialRecord) -> None: ...

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None: ...

    def on_trial_end(self, record: TrialRecord) -> None: ...

    def on_backlog(self, points: int) -> None:
        """What MLflow has not got yet."""

    def on_message(self, text: str) -> None:
        """One sentence for a person: a retry, a corrupt checkpoint, what trials wait for, an interruption."""

    def on_finish(self, summary: Any) -> None:
        """``summary`` is JSON: counts by state, seconds, folder, report, backlog, interrupted."""


class Quiet:
    """Says nothing."""

    def on_start(self, total: int, done: int) -> None:
        pass

    def on_data(self, summary: dict[str, Any]) -> None:
        pass

    def on_trial_start(self, record: TrialRecord) -> None:
        pass

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None:
        pass

    def on_trial_end(self, record: TrialRecord) -> None:
        pass

    def on_backlog(self, points: int) -> None:
        pass

    def on_message(self, text: str) -> None:
        pass

    def on_finish(self, summary: Any) -> None:
        pass


class Aside:
    """Passes everything on to an observer, from a thread of its own: the driver never waits for a terminal or a pipe.

    Where the observer is slower than the run for long, events are dropped, which is said as soon as it goes on.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lane = Lane("the observer's thread", observer.on_message, room=ROOM)
        self._dropped = 0  # as far as it was said

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._observer, name)

        def put(*arguments: Any) -> None:
            if self._lane.dropped > self._dropped and self._lane.waiting < ROOM // 2:
                lost, self._dropped = self._lane.dropped - self._dropped, self._lane.dropped
                self._lane.put(self._observer.on_message, f"{lost} lines were left out: their reader was too slow")
            self._lane.put(act, *arguments)

        return put

    def drain(self, within: float) -> None:
        """Wait until the observer knows everything, for as long as it takes something every ``within`` seconds."""
        self._lane.drain(within)

    def close(self, within: float) -> None:
        """``drain``, and end the thread."""
        self._lane.close(within)
