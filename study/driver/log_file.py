"""``study.log`` in a study's folder: what its observers were shown, kept for whoever looks later."""

import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.scheduling.events import DataRead, Event, Finished, Message, Started, TrialEnded

LARGEST: Final = 1_000_000  # bytes of one file
KEPT: Final = 3  # older files: study.log.1 to study.log.3
MOST_WAITING: Final = 200  # lines of before the study's ledger is there


class LogFile:
    """An observer that writes a line for each trial that ends and each message: time (UTC), level, text.

    Nothing is written before `Started`: until then the folder may turn out to be somebody else's. A full disk costs
    lines of the log and nothing else.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handler: _Quiet | None = None
        self._waiting: list[logging.LogRecord] = []

    def __call__(self, event: Event) -> None:
        found = line(event)
        if found is None:
            return
        level, text = found
        self._waiting = [*self._waiting, _record(level, text)][-MOST_WAITING:]
        if isinstance(event, Started):
            self._open()
        if self._handler is not None:
            for record in self._waiting:
                self._handler.handle(record)
            self._waiting = []

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()

    def _open(self) -> None:
        self._handler = _Quiet(self._file, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8", delay=True)
        form = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        self._handler.setFormatter(form)


class _Quiet(RotatingFileHandler):
    """Without the traceback that logging prints where a line cannot be written."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def line(event: Event) -> tuple[int, str] | None:
    """The level and the text of an event; None where the log leaves it out."""
    match event:
        case Started():
            return logging.INFO, f"{event.total} trials, {event.done} of them done"
        case DataRead():
            unread = len(event.summary.get("unreadable", ()))
            text = f"data of fingerprint {event.summary.get('fingerprint', 'not known')}"
            return (logging.WARNING, f"{text}; {unread} files cannot be read") if unread else (logging.INFO, text)
        case TrialEnded():
            bad = event.trial.state is TrialState.FAILED or event.trial.attempts > 1
            return logging.WARNING if bad else logging.INFO, _ended(event.trial)
        case Message():
            return logging.WARNING, event.text
        case Finished():
            interrupted = event.summary.get("interrupted")
            text = f"ended after {event.summary.get('seconds')} s"
            return (logging.WARNING, f"{text}: {interrupted}") if interrupted else (logging.INFO, text)
    return None


def _ended(trial: TrialRecord) -> str:
    last = trial.last
    errors = f", training error {last.train_error:.4f}, validation error {last.val_error:.4f}" if last else ""
    attempts = f", {trial.attempts} attempts" if trial.attempts > 1 else ""
    why = f": {trial.message}" if trial.message else ""
    where = f" on {trial.node}" if trial.node else ""
    text = f"trial {trial.number} {trial.trial_id} {trial.state.value} after {len(trial.epochs)} epochs"
    return f"{text}{errors}, {trial.seconds:.1f} s{attempts}{where}{why}"


def _record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("fitscape", level, "", 0, " ".join(text.split()), None, None)
