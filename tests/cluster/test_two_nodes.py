"""A study through Ray's Jobs API on two nodes of one machine."""

import subprocess
from pathlib import Path

import requests
from raylets import RAY, Raylets

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState

REPOSITORY = Path(__file__).parents[2]
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
