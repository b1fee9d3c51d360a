"""What ``run`` and ``resume`` show while a study runs: a live view, plain lines, JSON lines, or nothing."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from fitscape.study.cli.output import mute, within
from fitscape.study.cli.tally import Tally
from fitscape.study.records import EpochRecord, TrialRecord

CLOSE_WITHIN = 2.0  # seconds that a terminal has to take the last line


class View(AbstractContextManager["View"]):
    """Observes a run (``study.scheduling.events.Observer``) and keeps the tally; says nothing itself."""

    def __init__(self, folder: Path) -> None:
        self.tally = Tally(folder)
        self.lock = threading.RLock()  # of the tally
        self._showing = threading.RLock()
        self._reader_left = False

    def on_start(self, total: int, done: int) -> None:
        self._take(lambda: self.tally.start(total, done), "start", total=total, done=done)

    def on_data(self, summary: dict[str, Any]) -> None:
        self._take(lambda: None, "data", summary=summary)

    def on_trial_start(self, record: TrialRecord) -> None:
        self._take(lambda: self.tally.trial_started(record), "trial_start", trial=record)

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None:
        self._take(lambda: self.tally.epoch_ended(trial_id, record), "epoch", trial_id=trial_id, record=record)

    def on_trial_end(self, record: TrialRecord) -> None:
        self._take(lambda: self.tally.trial_ended(record), "trial_end", trial=record)

    def on_backlog(self, points: int) -> None:
        if points != self.tally.backlog:
            self._take(lambda: self.tally.set_backlog(points), "backlog", points=points)

    def on_message(self, text: str) -> None:
        self._take(lambda: None, "message", text=text)

    def on_finish(self, summary: Any) -> None:
        self._take(lambda: self.tally.finish(summary.get("unshipped_points", 0)), "finish", summary=summary)

    def _take(self, count: Callable[[], None], event: str, **facts: Any) -> None:
        # Two locks, never nested: a screen draws under a lock of its own, in which it waits for the tally's.
        with self.lock:
            count()
        with self._showing:
            if self._reader_left:
                return
            try:
                self.show(event, **facts)
            except BrokenPipeError:  # as `| head -1` does: the study goes on, and nobody reads of it
                self._reader_left = True
                mute()

    def show(self, event: str, **facts: Any) -> None:
        """Show one event; the tally knows of it already. One call at a time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        within(CLOSE_WITHIN, self.close)

    def close(self) -> None:
        """Leave the terminal as it was."""


def view(folder: Path, *, quiet: bool = False, as_json: bool = False) -> View:
    """The view that fits the options and the terminal."""
    if as_json:
        from fitscape.study.cli.lines import JsonLines

        return JsonLines(folder)
    if quiet:
        return View(folder)
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from fitscape.study.cli.screen import Screen

        return Screen(folder)
    from fitscape.study.cli.lines import PlainLines

    return PlainLines(folder)
