"""How fast MLflow may be asked, and how long one call may take."""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"  # environment; whole seconds, read by MLflow at each call
UPLOAD_SECONDS, UPLOAD_RATE = 60.0, 200_000  # an upload may take so long, and as many bytes a second

LONGEST_CALL = 120.0  # seconds; a server that answers no call in its time is given twice as long, up to this

_not_before = 0.0  # of the monotonic clock: until then a server has asked for no further call


def asked_to_wait() -> float:
    """Seconds that are left of the latest ``Retry-After`` of a server."""
    return max(0.0, _not_before - time.monotonic())


def be_patient() -> None:
    """From now on a call may take twice as long: a server that lists the runs of a large study may need a minute.

    What a server does not answer in time it does not answer in the same time again, and nothing would ever arrive.
    """
    seconds = float(os.environ.get(TIMEOUT) or LONGEST_CALL)
    os.environ[TIMEOUT] = str(round(max(seconds, min(2 * seconds, LONGEST_CALL))))


def heed_retry_after() -> None:
    """Have ``Retry-After`` noted from MLflow's HTTP client, which drops it where retries are not its own.

    A version of MLflow that makes its client otherwise goes without: then only our own pauses count.
    """
    from mlflow.utils import request_utils

    original = getattr(request_utils, "Retry", None)
    if original is None or getattr(original, "heeds", False):
        return

    class Heeding(original):  # type: ignore[misc,valid-type]
        heeds = True

        def increment(self, method: Any = None, url: Any = None, response: Any = None, *rest: Any, **named: Any) -> Any:
            global _not_before
            seconds = self.get_retry_after(response) if response is not None else None
            if seconds:
                _not_before = max(_not_before, time.monotonic() + seconds)
            return super().increment(method, url, response, *rest, **named)

    request_utils.Retry = Heeding


@contextmanager
def at_least(seconds: float) -> Iterator[None]:
    """Within it a call may take so long, or as long as it may anyway.

    The environment is the process's, but only the shipper's thread asks MLflow while trials run.
    """
    before = os.environ.get(TIMEOUT)
    os.environ[TIMEOUT] = str(round(max(float(before or 0), min(seconds, 86_400))))
    try:
        yield
    finally:
        if before is None:
            del os.environ[TIMEOUT]
        else:
            os.environ[TIMEOUT] = before


def time_for(size: int, tries: int) -> AbstractContextManager[None]:
    """Within it a call may take as long as ``size`` bytes need on a slow line, twice as long at each further try."""
    return at_least(seconds_for(size) * 2**tries)


def seconds_for(size: int) -> float:
    """That an upload of so many bytes may take."""
    return UPLOAD_SECONDS + size / UPLOAD_RATE
