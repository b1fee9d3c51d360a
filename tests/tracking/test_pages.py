"""A study in MLflow's own pages, in a real browser: the filter, the map in the text, the report."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from studies_by_hand import run_by_hand

from fitscape.study.records import TrialState

SUPPORT = Path(__file__).parents[1] / "support"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.skipif(not Path("/usr/bin/chromium").is_file(), reason="no Chromium: apt-get install chromium")
def test_mlflows_pages_filter_trials_and_show_map_and_report(server, ledger, ship):
    figures = ledger.path.parent / "report" / "figures"
    figures.mkdir(parents=True)
    (figures / "regime_map_small.png").write_bytes(DOT)
    (figures.parent / "index.html").write_text("<h1>The report</h1>")
    for seed, family in enumerate(("resnet", "plain", "plain")):
        run_by_hand(ledger, seed=seed, family=family, end=TrialState.FINISHED)
    assert ship().empty
    (parent,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "study"]
    wanted = f"tags.study_uid = '{ledger.uid}' and tags.state = 'finished' and params.family = 'plain'"
    command = [sys.executable, SUPPORT / "look_at_mlflow.py", server.uri, parent["experiment_id"], parent["run_id"]]
    looked = subprocess.run([*command, wanted], capture_output=True, text=True, timeout=240, check=False)
    assert looked.returncode == 0, looked.stderr
    shown = json.loads(looked.stdout)
    assert shown == {"matching": "3 matching runs", "picture": 1, "report": "The report", "errors": []}
