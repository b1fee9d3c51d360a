"""What ends a run with what is there: its time limit, and `fitscape finish`."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from fitscape.study.config.duration import written
from fitscape.study.driver.folder import Folder
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.time_limit import TimeLimit
from fitscape.study.threads import Lasting

LOOK_EVERY = 0.25  # seconds
ASKED = "finished on request"


class WindUp:
    """A thread that asks the trials to end in time, or once the study's folder holds the file `finish`.

    Args:
        folder: the study's.
        limit: of the run; None: it may take as long as it takes.
        interruption: ends the run.
        observer: hears of it where the thread dies.
    """

    def __init__(self, folder: Folder, limit: TimeLimit | None, interruption: Interruption, observer: Aside) -> None:
        self._file, self._limit, self._interruption = folder.finish, limit, interruption
        self._over = threading.Event()
        self._thread = Lasting("the thread that winds up", self._work, observer.say)

    def __enter__(self) -> Self:
        self._forget()  # it was asked of an earlier run
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=2 * LOOK_EVERY)
        self._forget()

    def _work(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            if self._file.exists():
                self._interruption.wind_up(ASKED)
                self._forget()
            if self._limit is not None and self._limit.up:
                self._interruption.wind_up(f"its time of {written(self._limit.seconds)} is up")
                return

    def _forget(self) -> None:
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
