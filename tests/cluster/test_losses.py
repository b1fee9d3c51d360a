"""A submitted study that is stopped, and one that loses a node."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from raylets import RAY, Raylets

from fitscape.study.config import Choices, DataConfig, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump
from fitscape.study.records import TrialRecord, TrialState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TRIALS = 6
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def long_study(tmp_path: Path) -> Path:
    config = StudyConfig(
        name="long",
        data=DataConfig(dataset="digits", root=str(tmp_path / "data")),
        base=TrialConfig(optimization=Optimization(epochs=25)).with_hyperparameters({"width": 0.25}),
        space={"seed": Choices(choices=tuple(range(TRIALS)))},
        search=SearchConfig(sampler="grid", trials=TRIALS),
    )
    file = tmp_path / "long.yaml"
    file.write_text(dump(config.model_dump(mode="json")))
    return file


def submit(raylets: Raylets, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fitscape", "submit", *words, "--address", raylets.jobs]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=raylets.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def read_until(job: subprocess.Popen[str], mark: str) -> str:
    assert job.stdout is not None
    seen = ""
    for line in job.stdout:
        seen += line
        if mark in line:
            return seen
    raise AssertionError(seen)


def trials_of(root: Path) -> list[TrialRecord]:
    with Ledger.open(root / "long" / "ledger.db", read_only=True) as ledger:
        return ledger.trials()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_stopped_job_leaves_a_study_that_goes_on(raylets: Raylets, long_study: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    job = submit(raylets, str(long_study), "--root", str(root))
    seen = read_until(job, f"[1/{TRIALS}]")
    name = next(word for word in seen.split() if word.startswith("raysubmit_"))
    stop = [RAY, "job", "stop", name, "--address", raylets.jobs]
    subprocess.run(stop, env=raylets.environment, check=True, capture_output=True, timeout=120)
    assert job.wait(timeout=120) != 0
    before = trials_of(root)
    assert TrialState.RUNNING not in {trial.state for trial in before}
    again = submit(raylets, "long", "--resume", "--root", str(root), "--allow", "code")  # the tree may be edited
    output, _ = again.communicate(timeout=400)
    assert again.returncode == 0, output
    after = trials_of(root)
    assert [trial.state for trial in after] == [TrialState.FINISHED] * TRIALS
    assert all([record.epoch for record in trial.epochs] == list(range(1, 26)) for trial in after)
    ended = {trial.trial_id: trial.ended_at for trial in before if trial.state.terminal}
    assert ended.items() <= {trial.trial_id: trial.ended_at for trial in after}.items()


def test_trials_of_a_lost_node_go_on_elsewhere(raylets: Raylets, long_study: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    job = submit(raylets, str(long_study), "--root", str(root))
    read_until(job, f"[1/{TRIALS}]")
    wait_for(lambda: len({trial.node for trial in trials_of(root) if trial.state is TrialState.RUNNING}) == 2)
    raylets.lose()
    assert job.stdout is not None
    output = job.stdout.read()
    assert job.wait(timeout=400) == 0, output
    assert [trial.state for trial in trials_of(root)] == [TrialState.FINISHED] * TRIALS
    assert max(trial.attempts for trial in trials_of(root)) == 2
