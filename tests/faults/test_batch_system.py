"""A study as a job of a batch system: a signal to all of its processes, and nobody who reads its output."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import REPOSITORY, fitscape
from drivers import Drivers, small_study

from fitscape.study.reading.document import dump
from fitscape.study.records import TrialState

pytestmark = pytest.mark.alone


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_signal_before_a_time_limit_ends_a_study_that_a_resume_completes(tmp_path: Path) -> None:
    """As ``#SBATCH --signal=USR1@60`` sends it; its output went through ``head -1``."""
    study = small_study("job", trials=4, epochs=4)
    drivers = Drivers(tmp_path, study)
    file = tmp_path / "study.yaml"
    file.write_text(dump(study.model_dump(mode="json")))
    job = subprocess.Popen(
        [sys.executable, "-m", "fitscape", "run", file, "--root", tmp_path],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("FITSCAPE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert job.stdout is not None
    assert job.stderr is not None
    assert job.stdout.readline() == "job: 4 trials\n"
    job.stdout.close()
    drivers.wait_until(
        job,  # type: ignore[arg-type]
        lambda trials: any(t.state.terminal for t in trials) and any(t.state is TrialState.RUNNING for t in trials),
    )
    os.killpg(job.pid, signal.SIGUSR1)
    assert job.wait(timeout=120) == 128 + signal.SIGUSR1
    assert job.stderr.read() == ""
    before = {trial.trial_id: trial for trial in drivers.trials() if trial.state.terminal}
    assert before
    assert not any(trial.state is TrialState.RUNNING for trial in drivers.trials())
    resumed = fitscape("resume", "job", "--root", tmp_path, "--allow", "code")
    assert resumed.code == 0, resumed
    after = {trial.trial_id: trial for trial in drivers.trials()}
    assert len(after) == 4
    assert all(trial.state is TrialState.FINISHED for trial in after.values())
    assert {trial_id: after[trial_id] for trial_id in before} == before
