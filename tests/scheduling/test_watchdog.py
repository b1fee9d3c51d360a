"""A process that is stopped runs no watchdog of its own: the driver ends it, and nothing that still works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import odd_trials as odd
import pytest
from odd_trials import Heard, epochs_trained, seeds_study

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.scheduling import tuning, watchdog
from fitscape.study.scheduling.heartbeat import Address, Pulse, end_if_hung
from fitscape.study.scheduling.run_trials import Outcome

WORKING = """
import sys
import time
from fitscape.study.scheduling.heartbeat import Pulse

pulse = Pulse()
if sys.argv[1] != "rests":
    pulse.beat(60.0 if sys.argv[1] == "is given longer" else 0.0)
print(pulse.address.descriptor, flush=True)
time.sleep(600)
"""


@pytest.fixture
def start() -> Iterator[Callable[[str], tuple[subprocess.Popen[str], Address]]]:
    """A process that gave a sign of life as it began to work, or that rests."""
    started: list[subprocess.Popen[str]] = []

    def start(doing: str) -> tuple[subprocess.Popen[str], Address]:
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", WORKING, doing]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        stdout = started[-1].stdout
        assert stdout is not None
        return started[-1], Address(started[-1].pid, int(stdout.readline()))

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_process_is_ended_once_its_last_sign_is_too_old(start: Callable[[str], tuple]) -> None:
    process, address = start("works")
    assert not end_if_hung(address, 60)
    time.sleep(0.3)
    assert end_if_hung(address, 0.3)
    assert process.wait(timeout=5) == -signal.SIGKILL
    assert not end_if_hung(address, 0.3), "it has gone already"


def test_a_process_that_waits_for_its_storage_is_given_longer(start: Callable[[str], tuple]) -> None:
    _, address = start("is given longer")
    assert not end_if_hung(address, 0.0)


def test_a_process_without_work_may_be_silent_but_not_stopped(start: Callable[[str], tuple]) -> None:
    process, address = start("rests")
    assert not end_if_hung(address, 0.0)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert end_if_hung(address, 0.0)
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_another_process_under_the_same_id_is_let_be() -> None:
    pulse = Pulse()
    with Path(os.devnull).open() as other:
        assert not end_if_hung(Address(os.getpid(), other.fileno()), 0.0)
    pulse.beat()
    assert not end_if_hung(pulse.address, 60)


@pytest.mark.ci
def test_a_stopped_trial_is_ended_from_outside_and_continued(
    run_study: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(watchdog, "MARGIN", 1.0)
    heard = Heard()
    outcome = run_study(tmp_path, seeds_study([odd.STOPPED], max_attempts=2, trial_timeout=2.0), observer=heard)
    assert outcome.counts[TrialState.FINISHED] == 1
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        (trial,) = ledger.trials()
    assert trial.attempts == 2
    assert epochs_trained(tmp_path, trial.trial_id) in ([1, 2, 3, 3, 4], [1, 2, 3, 2, 3, 4]), "it began anew"
    assert any("hung: no step for 2 s; attempt 2 of 2" in text for text in heard.messages), heard.messages


def test_a_trial_that_is_looked_at_while_it_works_goes_on(
    run_study: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(watchdog, "MARGIN", -120.0)  # of every trial, all the time
    run_study(tmp_path, seeds_study([1], epochs=2, trial_timeout=120.0), seconds=1.0)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        (trial,) = ledger.trials()
    assert (trial.state, trial.attempts) == (TrialState.FINISHED, 1)
