"""A loop of the user's own, made a trial by a few lines, in a study whose driver is killed again and again.

``KILLS=20 pytest -m slow tests/faults/test_own_loop_killed.py`` for more kills than the slow tests have time for.
"""

import os
import random
import signal
from pathlib import Path

import pytest
from drivers import Drivers
from pages import REPOSITORY

from fitscape.study.reading import load_config
from fitscape.study.records import TrialRecord, TrialState

KILLS = int(os.environ.get("KILLS", "5"))
TRIALS = 2 * KILLS


def epochs(trials: list[TrialRecord]) -> int:
    return sum(len(trial.epochs) for trial in trials)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(150 * KILLS + 600)
def test_nothing_that_has_ended_is_lost_or_run_again(tmp_path: Path) -> None:
    example = load_config(REPOSITORY / "examples" / "plain_trial.yaml")
    config = example.model_copy(update={"search": example.search.model_copy(update={"trials": TRIALS})})
    drivers, draw = Drivers(tmp_path, config), random.Random(0)
    ended: dict[str, TrialRecord] = {}
    for number in range(KILLS):
        known = epochs(drivers.trials()) if number else 0
        driver = drivers.start("resume" if number else "run")
        wanted = known + draw.randint(1, 2 * example.base.optimization.epochs)
        drivers.wait_until(driver, lambda trials, wanted=wanted: epochs(trials) >= wanted)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        found = {trial.trial_id: trial for trial in drivers.trials() if trial.state.terminal}
        assert {name: found.get(name) for name in ended} == ended
        ended = found
    assert 0 < len(ended) < TRIALS
    driver = drivers.start("resume")
    assert driver.wait(570) == 0, drivers.log
    trials = drivers.trials()
    assert len({trial.trial_id for trial in trials}) == len(trials) == TRIALS
    assert {trial.state for trial in trials} == {TrialState.FINISHED}
    assert {tuple(epoch.epoch for epoch in trial.epochs) for trial in trials} == {(1, 2, 3)}
    assert {trial.trial_id: trial for trial in trials if trial.trial_id in ended} == ended
