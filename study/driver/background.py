"""A function that runs beside the driver's main thread."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar
from weakref import WeakSet

from fitscape.study.scheduling.interruption import Interruption

T = TypeVar("T")

AT_EXIT: Final = 20.0  # seconds that the end of a process waits for what still runs beside it
_threads: WeakSet[threading.Thread] = WeakSet()


def let_end() -> None:
    """Wait for what still runs in the background, so long as that is not long.

    Python ends a daemon thread in the middle of native code, where it may take the process down (SIGABRT). The command
    leaves by ``os._exit``, and meets none of that.
    """
    deadline = time.monotonic() + AT_EXIT
    for thread in list(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))


class Interrupted(Exception):
    """The run was asked to end before there was anything to keep."""


class Background(Generic[T]):
    """Starts at once, in a daemon thread: a hung download does not hold up the end of the process."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        _threads.add(self._thread)
        self._thread.start()

    def result(self, interruption: Interruption | None = None) -> T:
        """Wait for it.

        Raises:
            Interrupted: the run was asked to end meanwhile.
            BaseException: what the function raised.
        """
        while self._thread.is_alive():
            self._thread.join(timeout=0.05)
            if interruption is not None and interruption.requested:
                raise Interrupted
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _work(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # noqa: BLE001  (raised again by `result`, in the caller's thread)
            self._error = error
