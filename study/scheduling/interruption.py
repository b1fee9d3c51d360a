"""Ending a run early, in order: what a signal asks for and until when it may take."""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

SIGINT_GRACE = 20.0  # seconds in which running epochs may end and report
ASKED_BY = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)  # batch systems send the first two, a lost login the last
SIGTERM_GRACE = 2.0  # `ray job stop` kills 3 s after SIGTERM


class Interruption:
    """Set once; read by everything that could start more work."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.reason = ""
        self._wound_up = False
        self._deadline = float("inf")
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    @property
    def overdue(self) -> bool:
        """Whether running trials may no longer be waited for."""
        return time.monotonic() > self._deadline

    @property
    def wound_up(self) -> bool:
        """Whether the run ends because it was asked to end with what is there: it is a success."""
        return self._wound_up

    @property
    def failing(self) -> bool:
        """Whether the run ends early for another reason."""
        return self.requested and not self._wound_up

    @property
    def reports(self) -> bool:
        """Whether labels and report are made of what is there: not where there is no time for them, or a fault."""
        return self._wound_up or self.signal in (signal.SIGINT, *ASKED_BY)

    def request(self, reason: str, *, grace: float = SIGINT_GRACE, by: signal.Signals | None = None) -> None:
        """End the run; the first reason stays, unless that was a wish, and the shortest grace counts."""
        self._deadline = min(self._deadline, time.monotonic() + grace)
        if not self.requested or self._wound_up:
            self.reason, self.signal, self._wound_up = reason, by, False
        self._event.set()

    def wind_up(self, reason: str) -> None:
        """End the run with what is there, as its user or its time limit asks for."""
        if not self.requested:
            self.request(reason)
            self._wound_up = True

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the request; returns whether it has come."""
        return self._event.wait(seconds)


@contextmanager
def not_passed_on() -> Iterator[Collection[signal.Signals]]:
    """Within it SIGUSR1, SIGUSR2 and SIGHUP are ignored: processes that are started inherit that, and live through a
    signal to the whole group, which is the driver's to answer. Yields what was ignored already (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield ASKED_BY
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ASKED_BY}
    try:
        yield [number for number, handler in before.items() if handler is signal.SIG_IGN]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(
    interruption: Interruption, leave: Callable[[int], None], *, ignored: Collection[signal.Signals] = ()
) -> Iterator[None]:
    """Signals ask for an orderly end; a second SIGINT leaves at once, SIGTERM when its grace is over.

    SIGUSR1 and SIGUSR2, which batch systems send before a time limit, and SIGHUP act as the first SIGINT does. Those
    that are ``ignored`` stay so.

    ``leave(exit code)`` must write down what it can in a fraction of a second; the process then ends. Ray
    installs handlers of its own in ``ray.init``: enter this after it. Outside the main thread signals belong to
    somebody else, and nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end_now(code: int) -> None:
        try:
            leave(code)
        finally:
            os._exit(code)

    def handle(number: int, frame: FrameType | None) -> None:
        code = 128 + number
        if number == signal.SIGTERM:
            interruption.request("terminated", grace=0.0, by=signal.SIGTERM)
            timer = threading.Timer(SIGTERM_GRACE, end_now, (code,))
            timer.daemon = True
            timer.start()
        elif number in ASKED_BY:
            if not interruption.requested:
                name = signal.Signals(number)
                interruption.request(f"ended by {name.name}", by=name)
        elif interruption.requested:
            end_now(code)
        else:
            interruption.request("interrupted", by=signal.SIGINT)

    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, *ASKED_BY) if number not in ignored]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
