"""A study on two nodes of one machine: as a job, or by a driver beside them; the code travels, a node may go away."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests
from drivers import REPOSITORY, Drivers, small_study
from raylets import RAY, Raylets

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialRecord, TrialState

# A trial ends once two have begun: a node that is up first, on a busy machine, cannot run them all.
MEETING = """
import os, pathlib, time

def run(params, data, report):
    folder = pathlib.Path(FOLDER)
    (folder / str(os.getpid())).touch()
    end = time.monotonic() + 120
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < end, "no other trial has begun"
        time.sleep(0.05)
    report(epoch=1, train_error=0.0, val_error=0.1)
"""


@pytest.fixture
def token(raylets: Raylets, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What opens the cluster to this process, too."""
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")
    for name in names:
        monkeypatch.setenv(name, raylets.environment[name])
    return {name: raylets.environment[name] for name in names}


def write_study(folder: Path) -> Path:
    (folder / "met").mkdir()
    (folder / "meeting.py").write_text(MEETING.replace("FOLDER", repr(str(folder / "met"))))
    file = folder / "tiny.yaml"
    file.write_text(
        "name: tiny\nplugins: [meeting.py]\nbase: {trial: 'meeting.py:run', optimization: {epochs: 1}}\n"
        f"data: {{dataset: digits, limit: 300, root: {str(folder / 'data')!r}}}\n"
        "space: {seed: {choices: [0, 1, 2, 3]}}\nsearch: {sampler: grid, trials: 4}\n"
    )
    return file


@pytest.mark.slow  # half a minute; a job, and a study on two nodes, are each tried below
def test_ray_job_submit_runs_a_study_on_both_nodes(raylets: Raylets, tmp_path: Path) -> None:
    root, study_file = tmp_path / "runs", write_study(tmp_path)
    words = ["python", "-m", "fitscape", "run", str(study_file), "--root", str(root)]
    command = [RAY, "job", "submit", "--address", raylets.jobs, "--working-dir", str(REPOSITORY), "--", *words]
    done = subprocess.run(command, env=raylets.environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[4/4]" in done.stdout
    with Ledger.open(root / "tiny" / "ledger.db", read_only=True) as ledger:
        trials = ledger.trials()
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 4
    assert len({trial.node for trial in trials}) == 2
    assert (root / "tiny" / "report" / "index.html").is_file()


def test_without_the_token_nothing_is_taken(raylets: Raylets) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = requests.post(f"{raylets.jobs}/api/jobs/", json={"entrypoint": "id"}, headers=headers, timeout=30)
        assert answer.status_code in (401, 403)


SUBMIT = """
import sys
from pathlib import Path
from fitscape.study.scheduling.jobs import Jobs
sent = Jobs(sys.argv[1])
command = "cat note.txt && python -c 'import mine; print(mine.NUMBER)' && exit 3"
job = sent.submit(Path(sys.argv[2]), command, [Path(sys.argv[3])])
print("code", sent.follow(job, print))
"""


def test_a_folder_and_its_packages_arrive_and_the_exit_code_comes_back(raylets: Raylets, tmp_path: Path) -> None:
    folder, package = tmp_path / "folder", tmp_path / "packages" / "mine"
    for made in (folder, package):
        made.mkdir(parents=True)
    (folder / "note.txt").write_text("it is here\n")
    (package / "__init__.py").write_text("NUMBER = 17\n")
    done = subprocess.run(
        [sys.executable, "-c", SUBMIT, raylets.jobs, folder, package],
        env={**raylets.environment, "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line]
    assert said[-1] == "code 3"
    assert [line for line in said if line in ("it is here", "17")] == ["it is here", "17"]


def in_its_middle(trial: TrialRecord) -> bool:
    return trial.state is TrialState.RUNNING and 0 < len(trial.epochs) < 12


@pytest.mark.ci
@pytest.mark.usefixtures("token")
def test_trials_run_on_both_nodes_and_move_when_one_goes_away(raylets: Raylets, tmp_path: Path) -> None:
    drivers = Drivers(tmp_path, small_study("pair", trials=4, epochs=24))
    driver = drivers.start("run", address=raylets.address, storage=str(tmp_path / "storage"))
    try:
        drivers.wait_until(driver, lambda trials: len({t.node for t in trials if in_its_middle(t)}) == 2)
        raylets.lose()
        assert driver.wait(timeout=200) == 0, drivers.log
    finally:
        raylets.add()
    trials = drivers.trials()
    assert len(trials) == 4
    assert all(trial.state is TrialState.FINISHED for trial in trials)
    assert max(trial.attempts for trial in trials) == 2
    assert (tmp_path / "storage" / "pair" / "ledger.backup.db").is_file()


@pytest.mark.slow
def test_a_node_that_lacks_timm_is_named_with_what_it_needs_before_a_study_of_timm_runs(
    raylets: Raylets, token: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "timm.py").write_text("raise ImportError('no timm here')")
    raylets.add(PYTHONPATH=str(tmp_path / "lacking"))
    (tmp_path / "study.yaml").write_text("name: t\nspace: {architecture: {choices: [resnet18, 'timm:resnet10t']}}\n")
    try:
        asked = subprocess.run(
            [sys.executable, "-m", "fitscape", "doctor", tmp_path / "study.yaml", "--address", raylets.address],
            cwd=REPOSITORY,
            env={**raylets.environment, **token, "FITSCAPE_ROOT": str(tmp_path / "runs")},
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        raylets.lose()
    assert asked.returncode == 2, asked.stdout + asked.stderr
    (fault,) = [line for line in asked.stdout.splitlines() if line.startswith("FAULT")]
    assert "the study needs timm: " in fault
    assert "cannot import it (no timm here) (there: pip install 'timm>=1.0.20')" in fault
