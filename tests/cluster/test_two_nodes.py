"""A study through Ray's Jobs API on two nodes of one machine."""

import subprocess
from pathlib import Path

import requests
from raylets import RAY, Raylets

from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState

REPOSITORY = Path(__file__).parents[2]


def test_ray_job_submit_runs_a_study_on_both_nodes(raylets: Raylets, study_file: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
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
