"""A worker that crashes in native code: named as that, and its trial is tried once more in the safe layout."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import odd_trials as odd
import pytest
from odd_trials import Heard, epochs_trained, seeds_study

from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.scheduling.crash_log import crash_of
from fitscape.study.scheduling.run_trials import Outcome
from fitscape.study.training import Settings

FAST = Settings(memory_format="channels_last")


@dataclass(frozen=True)
class Crashed:
    """A study of trials that crash in one layout, in every layout, once by a kill, and never."""

    folder: Path
    heard: Heard
    trials: dict[int, TrialRecord]  # by seed
    voided: list[Any]
    events: set[EventKind]


@pytest.fixture(scope="module")
def crashed(run_study: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    folder, heard = tmp_path_factory.mktemp("crashed"), Heard()
    seeds = [odd.CRASHES_IN_A_LAYOUT, odd.CRASHES_ALWAYS, odd.KILLED_ONCE, 1]
    # So long that each epoch has its checkpoint, and so its report, at once: others wait up to two seconds for theirs.
    run_study(folder, seeds_study(seeds), seconds=0.7, settings=FAST, observer=heard)
    with Ledger.open(folder / "ledger.db") as ledger:
        trials = {trial.config.seed: trial for trial in ledger.trials()}
        voided = [note.body for note in ledger.notes("voided")]
        return Crashed(folder, heard, trials, voided, {event.kind for event in ledger.events(0, 10**6)})


@pytest.mark.ci
def test_its_trial_begins_anew_in_the_safe_layout_which_is_recorded(crashed: Crashed) -> None:
    trial = crashed.trials[odd.CRASHES_IN_A_LAYOUT]
    assert trial.state is TrialState.FINISHED
    assert trial.extra["memory_format"] == "nchw"
    assert epochs_trained(crashed.folder, trial.trial_id) == [1, 2, 3, 1, 2, 3, 4], "not from its checkpoint"
    assert [record.epoch for record in trial.epochs] == [1, 2, 3, 4]
    assert EventKind.VOIDED in crashed.events
    (said,) = [text for text in crashed.heard.messages if trial.trial_id in text and "crashed" in text]
    assert "its process crashed in native code (SIGSEGV); attempt 2 of 3 starts again, in memory layout nchw" in said


@pytest.mark.ci
def test_one_that_crashes_in_that_too_has_failed(crashed: Crashed) -> None:
    failed = crashed.trials[odd.CRASHES_ALWAYS]
    assert failed.state is TrialState.FAILED
    assert failed.message == "its process crashed twice (SIGSEGV, SIGSEGV), then in memory layout nchw"
    assert epochs_trained(crashed.folder, failed.trial_id) == [1, 2, 3, 1, 2, 3]
    assert crashed.trials[1].state is TrialState.FINISHED


@pytest.mark.ci
def test_a_process_that_is_killed_is_no_crash(crashed: Crashed) -> None:
    trial = crashed.trials[odd.KILLED_ONCE]
    assert trial.state is TrialState.FINISHED
    assert "memory_format" not in trial.extra
    assert epochs_trained(crashed.folder, trial.trial_id)[3] > 1, "from a checkpoint"
    (said,) = [text for text in crashed.heard.messages if trial.trial_id in text]
    assert "its process was killed or crashed" in said


@pytest.mark.ci
def test_the_epochs_of_crashed_trials_are_void_and_those_of_others_are_not(crashed: Crashed) -> None:
    ids = {trial.trial_id for seed, trial in crashed.trials.items() if seed in (109, 110)}
    assert {note["trial"] for note in crashed.voided} == ids
    assert {note["epochs"] for note in crashed.voided} == {2}


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"])
def test_the_log_tells_the_signal_and_goes(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    code = "import faulthandler, signal, sys; faulthandler.enable(file=open(sys.argv[1], 'w')); "
    code += f"signal.raise_signal(signal.{name})"
    subprocess.run([sys.executable, "-c", code, log], check=False)
    assert crash_of(log) == name
    assert not log.exists()
    assert crash_of(log) == ""
