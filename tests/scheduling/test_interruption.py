"""Signals become requests; the second one leaves at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGHUP"])
def test_what_batch_systems_and_lost_logins_send_acts_as_ctrl_c(name: str) -> None:
    code = """
import os, signal, sys
from fitscape.study.scheduling.interruption import Interruption, listening, not_passed_on
interruption = Interruption()
number = getattr(signal, sys.argv[1])
with not_passed_on() as deaf, listening(interruption, lambda code: None, ignored=deaf):
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)  # a second one changes nothing
    assert interruption.requested and not interruption.overdue
    print(interruption.reason, 128 + interruption.signal)
"""
    assert run(code, name).stdout == f"ended by {name} {128 + signal.Signals[name]}\n"


def test_a_process_that_is_started_meanwhile_lives_through_them() -> None:
    code = """
import os, signal, subprocess, sys, time
from fitscape.study.scheduling.interruption import Interruption, listening, not_passed_on
with not_passed_on():
    child = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(30)"],
                             stdout=subprocess.PIPE)
    child.stdout.readline()
    with listening(Interruption(), lambda code: None):
        for name in ("SIGUSR1", "SIGUSR2", "SIGHUP"):
            os.killpg(os.getpgid(0), getattr(signal, name))
        time.sleep(0.3)
        print(child.poll())
        child.kill()
"""
    assert run(code).stdout == "None\n"


def test_nohup_is_respected() -> None:
    code = """
import os, signal
from fitscape.study.scheduling.interruption import Interruption, listening, not_passed_on
signal.signal(signal.SIGHUP, signal.SIG_IGN)
interruption = Interruption()
with not_passed_on() as deaf, listening(interruption, lambda code: None, ignored=deaf):
    os.kill(os.getpid(), signal.SIGHUP)
    print(signal.SIGHUP in deaf, interruption.requested)
"""
    assert run(code).stdout == "True False\n"


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
        start_new_session=True,
    )


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with listening(Interruption(), lambda code: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_that_was_asked_to_end_is_a_success_unless_something_fails_meanwhile() -> None:
    interruption = Interruption()
    interruption.wind_up("its time is up")
    assert interruption.requested
    assert interruption.wound_up
    assert interruption.reports
    assert not interruption.failing
    interruption.request("the disk is full")
    assert interruption.failing
    assert not interruption.reports
    assert interruption.reason == "the disk is full"
    interruption.wind_up("later")
    assert interruption.failing


@pytest.mark.parametrize(
    ("by", "reports"), [(signal.SIGINT, True), (signal.SIGUSR1, True), (signal.SIGTERM, False), (None, False)]
)
def test_who_ends_a_run_decides_whether_there_is_time_for_a_report(by: signal.Signals | None, reports: bool) -> None:
    interruption = Interruption()
    interruption.request("ended", by=by)
    assert interruption.reports is reports
    assert interruption.failing


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
