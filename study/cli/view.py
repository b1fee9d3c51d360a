"""What every view of a run does: it keeps the tally, and shows one event at a time."""

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from fitscape.study.cli.output import mute, within
from fitscape.study.cli.tally import Tally
from fitscape.study.scheduling.events import (
    EpochEnded,
    Event,
    Expected,
    Finished,
    MlflowBehind,
    Started,
    TrialEnded,
    TrialStarted,
)

CLOSE_WITHIN = 2.0  # seconds that a terminal has to take the last line


class View(AbstractContextManager["View"]):
    """An observer of a run (``study.scheduling.events.Observer``). This one keeps the tally and shows nothing."""

    def __init__(self, folder: Path) -> None:
        self.tally = Tally(folder)
        self.lock = threading.RLock()  # of the tally
        self._showing = threading.RLock()
        self._reader_left = False

    def __call__(self, event: Event) -> None:
        # Two locks, never nested: a screen draws under a lock of its own, in which it waits for the tally's.
        with self.lock:
            if isinstance(event, MlflowBehind) and event.points == self.tally.backlog:
                return
            self._count(event)
        with self._showing:
            if self._reader_left:
                return
            try:
                self.show(event)
            except BrokenPipeError:  # as `| head -1` does: the study goes on, and nobody reads of it
                self._reader_left = True
                mute()

    def _count(self, event: Event) -> None:
        match event:
            case Started():
                self.tally.start(event.total, event.done)
            case TrialStarted():
                self.tally.trial_started(event.trial)
            case EpochEnded():
                self.tally.epoch_ended(event.trial_id, event.record)
            case TrialEnded():
                self.tally.trial_ended(event.trial)
            case Expected():
                self.tally.expect(event.seconds)
            case MlflowBehind():
                self.tally.set_backlog(event.points)
            case Finished():
                self.tally.finish(event.summary.get("unshipped_points", 0))

    def show(self, event: Event) -> None:
        """Show one event; the tally knows of it already. One call at a time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        within(CLOSE_WITHIN, self.close)

    def close(self) -> None:
        """Leave the terminal as it was."""
