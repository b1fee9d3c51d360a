"""One study killed in every way and resumed each time: nothing lost, nothing twice."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable

import pytest
from drivers import Drivers, small_study

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import EventKind
from fitscape.study.records import TrialRecord, TrialState

TRIALS, EPOCHS = 5, 4


def ended(trials: list[TrialRecord]) -> int:
    return sum(trial.state.terminal for trial in trials)


def under_way(trials: list[TrialRecord], after: int) -> bool:
    """One trial more has ended, and another is in the middle."""
    return ended(trials) > after and any(t.state is TrialState.RUNNING and t.epochs for t in trials)


def stop(drivers: Drivers, driver: subprocess.Popen[bytes], number: signal.Signals) -> float:
    """Send the signal; seconds until the driver was gone."""
    sent = time.monotonic()
    driver.send_signal(number)
    driver.wait(timeout=60)
    return time.monotonic() - sent


@pytest.mark.ci
@pytest.mark.timeout(600)
def test_a_study_survives_kill_sigterm_and_sigint(new_drivers: Callable[[StudyConfig], Drivers]) -> None:
    drivers = new_drivers(small_study("ordeal", trials=TRIALS, epochs=EPOCHS))

    driver = drivers.start("run")
    drivers.wait_until(driver, lambda trials: under_way(trials, 0))
    stop(drivers, driver, signal.SIGKILL)
    after_kill = {t.trial_id: t for t in drivers.trials() if t.state.terminal}
    assert after_kill

    driver = drivers.start("resume")
    drivers.wait_until(driver, lambda trials: under_way(trials, len(after_kill)))
    took = stop(drivers, driver, signal.SIGTERM)
    assert driver.returncode == 143, drivers.log
    assert took < 3, "ray job stop kills after 3 s"
    assert not any(t.state is TrialState.RUNNING for t in drivers.trials())

    driver = drivers.start("resume")
    drivers.wait_until(driver, lambda trials: any(t.state is TrialState.RUNNING and t.epochs for t in trials))
    stop(drivers, driver, signal.SIGINT)
    assert driver.returncode == 130, drivers.log
    assert "fitscape resume ordeal" in drivers.log
    assert not any(t.state is TrialState.RUNNING for t in drivers.trials())

    driver = drivers.start("resume")
    assert driver.wait(timeout=200) == 0, drivers.log

    trials = drivers.trials()
    assert len(trials) == TRIALS
    assert all(trial.state is TrialState.FINISHED for trial in trials)
    assert {t.trial_id: [record.epoch for record in t.epochs] for t in trials} == {
        t.trial_id: list(range(1, EPOCHS + 1)) for t in trials
    }
    assert all(trial.size is not None for trial in trials)
    with drivers.ledger() as ledger:
        ends = Counter(event.trial_id for event in ledger.events(0, 10**6) if event.kind is EventKind.ENDED)
    assert set(ends.values()) == {1}, "a trial was run to its end twice"
    for trial in trials:
        if trial.trial_id in after_kill:
            assert trial == after_kill[trial.trial_id], "a finished trial was touched again"

    driver = drivers.start("resume")  # there is nothing left to run
    assert driver.wait(timeout=100) == 0, drivers.log
    assert drivers.trials() == trials


@pytest.mark.slow  # tests/faults/test_all_trials_fail.py comes to the same exit code by the command
def test_a_study_whose_trials_fail_ends_with_exit_code_3(new_drivers: Callable[[StudyConfig], Drivers]) -> None:
    config = small_study("failing", trials=2, epochs=1)
    broken = config.base.with_hyperparameters(
        {"batch_size": 1, "steps_per_epoch": 1}
    )  # no batch norm of one value a channel
    drivers = new_drivers(config.model_copy(update={"base": broken}))
    driver = drivers.start("run", let_single_images_pass=True)
    assert driver.wait(timeout=200) == 3, drivers.log
    trials = drivers.trials()
    assert [(trial.state, trial.attempts) for trial in trials] == [(TrialState.FAILED, 1)] * 2
    assert all("more than 1 value per channel" in trial.message for trial in trials)
