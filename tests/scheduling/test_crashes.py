"""A worker that crashes in native code: named as that, and its trial is tried once more in the safe layout."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import odd_trials as odd
import pytest
from odd_trials import Heard, epochs_trained, seeds_study

from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.records import TrialState
from fitscape.study.scheduling.crash_log import crash_of
from fitscape.study.scheduling.run_trials import Outcome
from fitscape.study.training import Settings

FAST = Settings(memory_format="channels_last")


def test_its_trial_begins_anew_in_the_safe_layout_which_is_recorded(
    run_study: Callable[..., Outcome], tmp_path: Path
) -> None:
    heard = Heard()
    run_study(tmp_path, seeds_study([odd.CRASHES_IN_A_LAYOUT]), settings=FAST, observer=heard)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        (trial,) = ledger.trials()
        (voided,) = [note.body for note in ledger.notes("voided")]
        assert any(event.kind is EventKind.VOIDED for event in ledger.events(0))
    assert trial.state is TrialState.FINISHED
    assert trial.extra["memory_format"] == "nchw"
    assert epochs_trained(tmp_path, trial.trial_id) == [1, 2, 3, 1, 2, 3, 4], "from epoch 0, not from its checkpoint"
    assert [record.epoch for record in trial.epochs] == [1, 2, 3, 4]
    assert voided["epochs"] == 2
    (said,) = [text for text in heard.messages if "crashed" in text]
    assert "its process crashed in native code (SIGSEGV); attempt 2 of 3 begins anew, in memory layout nchw" in said


def test_one_that_crashes_in_that_too_has_failed(run_study: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = run_study(tmp_path, seeds_study([odd.CRASHES_ALWAYS, 1]), settings=FAST)
    assert outcome.counts[TrialState.FINISHED] == outcome.counts[TrialState.FAILED] == 1
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        failed = next(t for t in ledger.trials() if t.state is TrialState.FAILED)
    assert failed.message == "its process crashed twice (SIGSEGV, SIGSEGV), at last in memory layout nchw"
    assert epochs_trained(tmp_path, failed.trial_id) == [1, 2, 3, 1, 2, 3]


def test_a_process_that_is_killed_is_no_crash(run_study: Callable[..., Outcome], tmp_path: Path) -> None:
    heard = Heard()
    run_study(tmp_path, seeds_study([odd.KILLED_ONCE]), settings=FAST, observer=heard)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        (trial,) = ledger.trials()
        assert not ledger.notes("voided")
    assert "memory_format" not in trial.extra
    assert epochs_trained(tmp_path, trial.trial_id)[3] > 1, "from a checkpoint"
    assert any("its process was killed or crashed" in text for text in heard.messages)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"])
def test_the_log_tells_the_signal_and_goes(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    code = "import faulthandler, signal, sys; faulthandler.enable(file=open(sys.argv[1], 'w')); "
    code += f"signal.raise_signal(signal.{name})"
    subprocess.run([sys.executable, "-c", code, log], check=False)
    assert crash_of(log) == name
    assert not log.exists()
    assert crash_of(log) == ""
