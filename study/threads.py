"""Threads beside the main one. None of ours dies in silence: what ends one early is reported, and it begins again."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PAUSE = 1.0  # seconds before a thread that died begins again


class Lasting(threading.Thread):
    """Runs ``work`` in the background, from its beginning again whenever it raises. A daemon: it holds up no exit.

    Args:
        name: of the thread, as ``died`` tells it.
        work: returns when there is nothing left to do.
        died: called each time with one sentence; what it raises is dropped.
    """

    def __init__(self, name: str, work: Callable[[], None], died: Callable[[str], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._died = work, died

    def run(self) -> None:
        while True:
            try:
                return self._work()
            except Exception as error:  # noqa: BLE001  (whatever it is, it must be seen, and the work go on)
                _quietly(self._died, f"{self.name} stopped: {type(error).__name__}: {error}; it starts again")
                time.sleep(PAUSE)


@contextmanager
def beside(
    name: str, work: Callable[[threading.Event], None], died: Callable[[str], object], *, leaves_within: float
) -> Iterator[None]:
    """Inside, ``work(over)`` runs as a ``Lasting`` thread. At the end ``over`` is set, and it has so many seconds."""
    over = threading.Event()
    thread = Lasting(name, lambda: work(over), died)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=leaves_within)


class Lane:
    """Acts that somebody else waits for no longer: carried out one after the other, in a thread of their own.

    Args:
        name: of the thread.
        failed: called with what an act raised, in one sentence.
        room: most acts that may wait; one more is dropped and counted. None: as many as there are.
    """

    def __init__(self, name: str, failed: Callable[[str], object], *, room: int | None = None) -> None:
        self._failed, self._room = failed, room
        self._acts: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._put = self._done = 0
        self._guard = threading.Lock()
        self.dropped = 0
        Lasting(name, self._work, failed).start()

    def put(self, act: Callable[..., object], *arguments: Any) -> None:
        """Never waits."""
        with self._guard:
            if self._room is not None and self.waiting >= self._room:
                self.dropped += 1
                return
            self._put += 1
        self._acts.put((act, arguments))

    @property
    def waiting(self) -> int:
        """Acts that are not done, the one under way among them."""
        return self._put - self._done

    def drain(self, within: float) -> int:
        """Wait until all is done, for as long as one act ends every ``within`` seconds; returns how many are left."""
        done, since = self._done, time.monotonic()
        while self.waiting and time.monotonic() - since < within:
            time.sleep(0.01)
            if self._done != done:
                done, since = self._done, time.monotonic()
        return self.waiting

    def close(self, within: float) -> int:
        """``drain``, and end the thread."""
        left = self.drain(within)
        self._acts.put(None)
        return left

    def _work(self) -> None:
        while (task := self._acts.get()) is not None:
            act, arguments = task
            try:
                act(*arguments)
            except Exception as error:  # noqa: BLE001  (a sampler, a storage, somebody's live view)
                _quietly(self._failed, f"{type(error).__name__}: {error}")
            finally:
                self._done += 1


def _quietly(tell: Callable[[str], object], text: str) -> None:
    try:
        tell(text)
    except Exception:  # noqa: BLE001  (there is nobody left to tell)
        return
