"""A function that runs beside the driver's main thread."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fitscape.study.scheduling.interruption import Interruption

T = TypeVar("T")


class Interrupted(Exception):
    """The run was asked to end before there was anything to keep."""


class Background(Generic[T]):
    """Starts at once, in a daemon thread: a hung download never holds up the end of the process."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
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
