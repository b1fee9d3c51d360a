"""Signals become requests; the second one leaves at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fitscape.study.scheduling.interruption import Interruption, listening

SCRIPT = """
import os, signal, sys, time
from fitscape.study.scheduling.interruption import Interruption, listening
interruption = Interruption()
with listening(interruption, lambda code: print("left", code, flush=True)):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    print("asked", interruption.signal.name, flush=True)
    if sys.argv[2] == "again":
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    time.sleep(30)
"""


def play(*arguments: str) -> tuple[list[str], int, float]:
    started = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
        check=False,
    )
    return run.stdout.splitlines(), run.returncode, time.monotonic() - started


def test_a_second_sigint_leaves_at_once() -> None:
    lines, code, _ = play("SIGINT", "again")
    assert lines == ["asked SIGINT", "left 130"]
    assert code == 130


def test_sigterm_leaves_within_its_grace() -> None:
    lines, code, seconds = play("SIGTERM", "once")
    assert lines == ["asked SIGTERM", "left 143"]
    assert code == 143
    assert 2 <= seconds < 10  # the grace, and the start of the interpreter


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with listening(Interruption(), lambda code: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_first_reason_stays_and_the_shortest_grace_counts() -> None:
    interruption = Interruption()
    assert not interruption.requested
    assert not interruption.overdue
    interruption.request("first", grace=100)
    assert not interruption.overdue
    interruption.request("second", grace=0)
    time.sleep(0.01)
    assert interruption.overdue
    assert interruption.reason == "first"
