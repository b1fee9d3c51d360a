"""What ends a run with what is there: its time limit, and `fitscape finish`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fitscape.study.config.duration import written
from fitscape.study.driver.folder import Folder
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.time_limit import TimeLimit
from fitscape.study.threads import beside

LOOK_EVERY = 0.25  # seconds
ASKED = "finished on request"


@contextmanager
def ending_in_time(
    folder: Folder, limit: TimeLimit | None, interruption: Interruption, observer: Aside
) -> Iterator[None]:
    """Inside, a thread asks the trials to end in time, or once the study's folder holds the file `finish`.

    Args:
        folder: the study's.
        limit: of the run; None: it may take as long as it takes.
        interruption: ends the run.
        observer: hears of it where the thread dies.
    """

    def work(over: threading.Event) -> None:
        while not over.wait(LOOK_EVERY):
            if folder.finish.exists():
                interruption.wind_up(ASKED)
                _forget(folder.finish)
            if limit is not None and limit.up:
                interruption.wind_up(f"its time of {written(limit.seconds)} is up")
                return

    _forget(folder.finish)  # it was asked of an earlier run
    try:
        with beside("the thread that winds up", work, observer.say, leaves_within=2 * LOOK_EVERY):
            yield
    finally:
        _forget(folder.finish)


def _forget(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)
