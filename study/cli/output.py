"""Our output where its reader stands still or is gone: a paused terminal, a full pipe, ``| head``."""

import os
import sys
import threading
from collections.abc import Callable

FLUSH_WITHIN = 2.0  # seconds


def within(seconds: float, act: Callable[[], object]) -> None:
    """Carry out ``act``, which may block, and wait so long for it; after that it is left behind."""
    worker = threading.Thread(target=act, daemon=True)
    worker.start()
    worker.join(seconds)


def flush() -> None:
    """Of stdout and stderr, as far as somebody reads them."""
    within(FLUSH_WITHIN, _flush)


def mute() -> None:
    """From now on what is printed goes nowhere: its reader has left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            mute()
        except (OSError, ValueError):  # closed, or its disk is full
            continue
