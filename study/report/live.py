"""The page of a study while it runs: made anew as trials end, for a small share of a core, and a state beside it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from fitscape.study.ledger import EXPECTED, holder
from fitscape.study.opened import open_study
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.report import wording
from fitscape.study.report.page import render
from fitscape.study.report.subject import Subject

SHARE: Final = 20  # making the page takes at most one part in so many of a core; the state takes little
LATEST: Final = 3  # trials that are named
STATE_FOR: Final = 2.0  # seconds that a state is given out again, however many readers ask


class LivePage:
    """The page of one study, from its ledger; nothing is written into the study's folder.

    ``html`` is the latest page, ``version`` counts them. A page that is made when the study is over has everything that
    the report has; one of a study that runs leaves its earlier epochs out. ``html`` and ``state`` may be asked for
    while ``refresh`` works in another thread.

    Raises:
        UserError: no study there, or its ledger is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._study = open_study(folder)
        self.html, self.version = b"", 0
        self._made_of: tuple[Any, ...] = ()
        self._again = 0.0
        self._stated: tuple[float, dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._study.ledger.close()

    def refresh(self) -> bool:
        """Make the page anew if trials have ended since, and if the last one was made long enough ago.

        Processor time is counted, of all threads. A study that has ended gets its last page at once.
        """
        ended, over = sum(n for state, n in self._study.ledger.counts().items() if state.terminal), self.over
        if (ended, over) == self._made_of or (time.monotonic() < self._again and not over):
            return False
        begun = time.process_time()
        subject = Subject(self._study.reread())
        live = {"version": self.version + 1, "trials": ended, "made": time.time(), "over": over}
        self.html = render(subject, live=live).encode()
        self.version, self._made_of = self.version + 1, (ended, over)
        self._again = time.monotonic() + SHARE * (time.process_time() - begun)
        return True

    @property
    def over(self) -> bool:
        """Nobody drives the study now."""
        return holder(self._study.folder) is None

    def state(self) -> dict[str, Any]:
        """How the study stands, as JSON: the page's ``version``, ``line`` and ``latest`` in words, ``over``."""
        now = time.monotonic()
        if self._stated is None or now - self._stated[0] > STATE_FOR:
            latest = [_described(trial) for trial in self._study.ledger.latest(LATEST)]
            self._stated = now, {"line": ", ".join(self._standing()), "latest": latest, "over": self.over}
        return self._stated[1] | {"version": self.version}

    def _standing(self) -> Iterator[str]:
        counts = self._study.ledger.counts()
        ended = sum(n for state, n in counts.items() if state.terminal)
        yield f"{ended} of {self._study.config.search.trials} trials ended"
        for state in (TrialState.DIVERGED, TrialState.FAILED):
            if counts[state]:
                yield f"{counts[state]} {state}"
        if self.over:
            yield "nothing runs"
            return
        yield f"{counts[TrialState.RUNNING]} running"
        seconds, said = self._study.ledger.get_meta(EXPECTED, (None, 0.0))
        if seconds is not None and said > self._since():
            yield f"about {wording.duration(max(0, round(seconds - (time.time() - said))))} left"

    def _since(self) -> float:
        driver = holder(self._study.folder)
        return driver.since if driver else 0.0


def _described(trial: TrialRecord) -> str:
    net, last = wording.net(trial.config.model.name), trial.last
    if trial.state is TrialState.FINISHED and last:
        train, val = wording.percent(last.train_error), wording.percent(last.val_error)
        return f"#{trial.number} {net}: training error {train}, validation error {val}"
    return f"#{trial.number} {net}: {trial.state}"
