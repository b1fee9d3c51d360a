"""Trying again what the outside refuses for a while: a storage out of reach, a ledger that is locked."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between two attempts; doubled each time


def insist(
    act: Callable[[], T],
    *,
    within: float,
    refusals: tuple[type[Exception], ...] = (OSError,),
    final: tuple[type[Exception], ...] = (),
    waiting: Callable[[Exception], object] = lambda error: None,
    first_pause: float = FIRST_PAUSE,
) -> T:
    """What ``act`` returns, tried again with growing pauses while it raises one of ``refusals``.

    Args:
        act: may be called any number of times.
        within: seconds from the first refusal on; then the last refusal is raised.
        refusals: errors that may pass.
        final: those among them that do not pass, raised at once.
        waiting: called before each pause with the refusal; what it raises ends the attempts.
        first_pause: seconds.
    """
    refused_at: float | None = None
    pause = first_pause
    while True:
        try:
            return act()
        except refusals as error:
            now = time.monotonic()
            refused_at = now if refused_at is None else refused_at
            left = within - (now - refused_at)
            if isinstance(error, final) or left <= 0:
                raise
            waiting(error)
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
