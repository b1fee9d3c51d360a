"""Processes that share out a preparation, watched from here: how far they are, and which file ends one."""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fitscape.study.data.apart import MOST_CRASHES, no_file_to_blame, to_blame
from fitscape.study.data.datasets.journal import unfinished
from fitscape.study.data.mapped.child import Duty, cores
from fitscape.study.isolated import Crashed, call

LOOK_EVERY = 0.2  # seconds
SAY_EVERY = 5.0

Item = TypeVar("Item")
Say = Callable[[str], None]


def share_out(
    function: Callable[..., Any],
    items: Sequence[Item],
    *given: Any,
    crashing: dict[str, str],
    progress: Callable[[int, float], None],
) -> list[Any]:
    """Call ``function(some items, *given, duty)`` in as many processes as there are cores, each with its own items.

    A process that crashes is started anew without the file to blame; what it had done is done.

    Args:
        items: dealt out in turn.
        crashing: file -> reason; files that turn out to crash their decoder are added.
        progress: called every few seconds with the files that are done and the seconds since the start.

    Returns:
        What the processes returned, those of process k for ``items[k::processes]``.

    Raises:
        UserError: a process crashed and no file is to blame, or ended too often.
        Exception: what the function raised.
    """
    hands = max(1, min(cores(), len(items)))
    with tempfile.TemporaryDirectory(prefix="fitscape-decoding-") as temporary:
        workers = [_Worker(Path(temporary) / f"{k}", function, items[k::hands], given) for k in range(hands)]
        begun = said = time.monotonic()
        for worker in workers:
            worker.start(crashing)
        while any(worker.running for worker in workers):
            time.sleep(LOOK_EVERY)
            now = time.monotonic()
            if now - said >= SAY_EVERY:
                said = now
                progress(sum(worker.ticks for worker in workers), now - begun)
            for worker in workers:
                worker.require_sound()
                if worker.crash is not None:
                    crashing |= worker.to_blame()
                    worker.start(crashing)
        return [worker.result() for worker in workers]


class _Worker:
    """One process after the other for the same items, until one comes through."""

    def __init__(self, place: Path, function: Callable[..., Any], items: Sequence[Any], given: tuple[Any, ...]) -> None:
        self._place, self._function, self._items, self._given = place, function, items, given
        self._starts = 0
        self._thread: threading.Thread | None = None
        self._value: Any = None
        self._error: BaseException | None = None

    def start(self, crashing: dict[str, str]) -> None:
        self._starts += 1
        self._error = None
        duty = Duty(dict(crashing), self._file("journal"), self._file("ticks"))
        self._thread = threading.Thread(target=self._work, args=(duty,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and (self._thread.is_alive() or self.crash is not None)

    @property
    def crash(self) -> Crashed | None:
        ended = self._thread is not None and not self._thread.is_alive()
        return self._error if ended and isinstance(self._error, Crashed) else None

    @property
    def ticks(self) -> int:
        """Files that the process at work is through with."""
        file = self._file("ticks")
        return file.stat().st_size if file.exists() else 0

    def to_blame(self) -> dict[str, str]:
        journal, crash = self._file("journal"), self.crash
        assert crash is not None
        found = to_blame(unfinished(journal)) if journal.exists() else {}
        if not found or self._starts > MOST_CRASHES:
            raise no_file_to_blame(crash)
        return found

    def require_sound(self) -> None:
        """Raises Exception: what the function raised."""
        if self._error is not None and not isinstance(self._error, Crashed):
            raise self._error

    def result(self) -> Any:
        self.require_sound()
        return self._value

    def _work(self, duty: Duty) -> None:
        try:
            self._value = call(self._function, self._items, *self._given, duty)
        except BaseException as error:  # noqa: BLE001  (raised again by `result`, or another process is started)
            self._error = error

    def _file(self, name: str) -> Path:
        return self._place.with_name(f"{self._place.name}-{self._starts}.{name}")


def left(done: int, total: int, seconds: float) -> str:
    """``, about 35 s left``, once it can be known."""
    if not done or seconds < SAY_EVERY / 2:
        return ""
    rest = seconds * (total - done) / done
    return f", about {rest:.0f} s left" if rest < 100 else f", about {rest / 60:.0f} minutes left"
