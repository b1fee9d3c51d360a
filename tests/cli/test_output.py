"""A reader of our output that stands still or leaves costs lines, never the study."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from odd_trials import Heard

from fitscape.study.scheduling import aside
from fitscape.study.scheduling.events import Event

REPOSITORY = Path(__file__).parents[2]
RUN = """
import sys, time
from pathlib import Path
from fitscape.study.cli import leave
from fitscape.study.cli.lines import JsonLines
from fitscape.study.scheduling.aside import Aside

begun = time.monotonic()
with JsonLines(Path("s")) as view:
    aside = Aside(view)
    for number in range({messages}):
        aside.say("x" * 1000)
        time.sleep({pause})
    print(f"{{time.monotonic() - begun:.1f}}", file=sys.stderr)
    aside.close({within})
leave(0)
"""


def run(messages: int, pause: float = 0.0, within: float = 1.0) -> subprocess.Popen[bytes]:
    code = RUN.format(messages=messages, pause=pause, within=within)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_full_pipe_holds_up_neither_the_run_nor_the_end_of_the_process() -> None:
    process = run(3000)  # a pipe takes 64 KiB
    begun = time.monotonic()
    assert process.wait(timeout=60) == 0
    assert time.monotonic() - begun < 40
    assert process.stderr is not None
    assert float(process.stderr.read()) < 5


def test_a_reader_that_has_left_ends_nothing() -> None:
    process = run(20, pause=0.05)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert len(process.stderr.read().splitlines()) == 1, "only the clock's line: no traceback, no broken pipe"


def test_a_slow_reader_is_told_how_many_lines_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "ROOM", 10)
    go_on = threading.Event()

    class Slow(Heard):
        def __call__(self, event: Event) -> None:
            go_on.wait()
            super().__call__(event)

    heard = Slow()
    beside = aside.Aside(heard)
    for number in range(15):
        beside.say(str(number))
    go_on.set()
    beside.drain(5)
    beside.say("last")
    beside.close(5)
    assert heard.messages == [*map(str, range(10)), "5 lines were left out: their reader was too slow", "last"]
