"""What ``run`` and ``resume`` show while a study runs: a live view, plain lines, JSON lines, or nothing."""

import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from study.cli.tally import Tally
from study.records import EpochRecord, TrialRecord


class View(AbstractContextManager["View"]):
    """Observes a run (``study.scheduling.watching.Observer``) and keeps the tally; says nothing itself."""

    def __init__(self, folder: Path) -> None:
        self.tally = Tally(folder)
        self.lock = threading.RLock()

    def on_start(self, total: int, done: int) -> None:
        with self.lock:
            self.tally.start(total, done)
            self.show("start", total=total, done=done)

    def on_trial_start(self, record: TrialRecord) -> None:
        with self.lock:
            self.tally.trial_started(record)
            self.show("trial_start", trial=record)

    def on_epoch(self, trial_id: str, record: EpochRecord) -> None:
        with self.lock:
            self.tally.epoch_ended(trial_id, record)
            self.show("epoch", trial_id=trial_id, record=record)

    def on_trial_end(self, record: TrialRecord) -> None:
        with self.lock:
            self.tally.trial_ended(record)
            try:
                self.tally.read()
            finally:
                self.show("trial_end", trial=record)

    def on_backlog(self, points: int) -> None:
        with self.lock:
            changed, self.tally.backlog = points != self.tally.backlog, points
            if changed:
                self.show("backlog", points=points)

    def on_message(self, text: str) -> None:
        with self.lock:
            self.show("message", text=text)

    def on_finish(self, summary: Any) -> None:
        with self.lock:
            try:
                self.tally.read(at_once=True)
            finally:
                self.show("finish", summary=summary)

    def show(self, event: str, **facts: Any) -> None:
        """Show one event, under the lock; the tally knows of it already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""


def view(folder: Path, *, quiet: bool = False, as_json: bool = False) -> View:
    """The view that fits the options and the terminal."""
    if as_json:
        from study.cli.lines import JsonLines

        return JsonLines(folder)
    if quiet:
        return View(folder)
    if sys.stdout.isatty():
        from study.cli.screen import Screen

        return Screen(folder)
    from study.cli.lines import PlainLines

    return PlainLines(folder)
