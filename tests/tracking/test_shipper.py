import json
import math
import os
import subprocess
import sys
import time

from studies_by_hand import epoch_record, label, run_by_hand

from fitscape.study.config import TrialConfig
from fitscape.study.records import GradientProfile, ModelSize, Regime, TrialState
from fitscape.study.tracking import Shipper, parent_url, projection, sync


def test_every_end_of_a_trial_is_told_apart_by_status_and_tag(server, ledger, ship, assert_exactly_once):
    ends = {end: run_by_hand(ledger, seed=i, end=end) for i, end in enumerate(TrialState) if end.terminal}
    interrupted = run_by_hand(ledger, seed=10, end=None)
    ledger.release()
    ledger.add_trial(TrialConfig(seed=11), {}, "sobol")  # only waits: it has no run
    assert ship().empty
    assert_exactly_once()
    runs = {run["tags"].get("trial_id"): run for run in server.runs(ledger.uid)}
    told = {runs[trial_id]["tags"]["state"]: runs[trial_id]["status"] for trial_id in ends.values()}
    assert told == {"finished": "FINISHED", "stopped": "FINISHED", "diverged": "FINISHED", "failed": "FAILED"}
    assert (runs[interrupted]["tags"]["state"], runs[interrupted]["status"]) == ("interrupted", "KILLED")
    assert (runs[None]["tags"]["state"], runs[None]["status"]) == ("interrupted", "KILLED")


def test_a_trial_shows_its_params_tags_data_and_curves(server, ledger, ship):
    trial_id = run_by_hand(ledger, epochs=1, end=None, width=0.5)
    profile = GradientProfile(step=9, layers=("a", "b"), gradient_norms=(3.0, 4.0), weight_norms=(1.0, 1.0))
    ledger.record_epoch(trial_id, epoch_record(2, gradients=(profile,)))
    ledger.end_trial(trial_id, TrialState.FINISHED, "done", size=ModelSize(parameters=7, flops=9), oom=False)
    ledger.put_labels([label(trial_id, Regime.OVERFIT)])
    ship()
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    assert run["params"] == {
        k: str(v) for k, v in TrialConfig().with_hyperparameters({"width": 0.5}).flat().items()
    } | {
        "parameters": "7",
        "flops": "9",
    }
    expected = {"family": "resnet", "regime": "overfit", "regime_flags": "mixed", "message": "done"}
    assert expected.items() <= run["tags"].items()
    assert run["tags"]["extra.oom"] == "False"
    assert [(d["name"], d["digest"]) for d in run["datasets"]] == [("digits", "abc123")]
    assert server.history(run["run_id"], "gradient_norm") == [(2, 5.0, 1_700_000_002_000)]
    assert 10 <= len(run["metrics"]) <= 15


def test_a_changed_label_changes_the_tag(server, ledger, ship):
    trial_id = run_by_hand(ledger)
    for regime in (Regime.GOOD, Regime.UNDERFIT):
        ledger.put_labels([label(trial_id, regime)])
        ship()
        (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
        assert run["tags"]["regime"] == regime


def test_non_finite_values_arrive_as_outcomes(server, ledger, ship, assert_exactly_once):
    trial_id = run_by_hand(ledger, epochs=1, end=None)
    ledger.record_epoch(trial_id, epoch_record(2, val_loss=math.inf, train_loss=math.nan, batch_loss=-math.inf))
    ledger.end_trial(trial_id, TrialState.DIVERGED)
    ship()
    assert_exactly_once()
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    assert [value for _, value, _ in server.history(run["run_id"], "val_loss")] == [1.2, sys.float_info.max]
    assert math.isnan(server.history(run["run_id"], "train_loss")[1][1])
    assert json.loads(run["tags"]["infinite"]) == {"val_loss": [2], "batch_loss": [2]}


def test_the_parent_has_text_data_and_files_and_a_link(server, ledger, ship, config):
    folder = ledger.path.parent
    (folder / "study.yaml").write_text("name: by-hand\n")
    (folder / "report").mkdir()
    (folder / "report" / "index.html").write_text("<h1>map</h1>")
    before = {"claim": "depth hurts", "verdict": "supported", "estimate": 0.5, "low": 0.4, "high": None, "n": 5}
    now = {**before, "claim": "width helps", "sentence": "It does, by 0.5.", "counted": "pairs"}
    (folder / "report" / "findings.json").write_text(json.dumps([before, now]))
    run_by_hand(ledger)
    ledger.set_meta("exhausted", True)
    assert parent_url(ledger.path, config) is None
    assert ship().empty
    (parent,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "study"]
    assert (parent["status"], parent["tags"]["state"]) == ("FINISHED", "finished")
    assert "# by-hand" in parent["tags"]["mlflow.note.content"]
    for line in ("depth hurts. n = 5.", "width helps. It does, by 0.5. n = 5 pairs."):
        assert f"- **supported**: {line}" in parent["tags"]["mlflow.note.content"].splitlines()
    assert parent["datasets"][0]["digest"] == "abc123"
    top = {file["path"] for file in server.get("artifacts/list", run_id=parent["run_id"])["files"]}
    assert top == {"study.yaml", "report", "ledger"}
    assert parent_url(ledger.path, config).endswith(f"/runs/{parent['run_id']}?workflowType=machine_learning")


def test_metrics_arrive_while_the_study_runs(server, ledger, config):
    trial_id = run_by_hand(ledger, epochs=1, end=None)
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    for epoch in (2, 3):
        ledger.record_epoch(trial_id, epoch_record(epoch))
        deadline = time.monotonic() + 30
        while True:
            runs = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
            if runs and len(server.history(runs[0]["run_id"], "val_error")) == epoch:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert runs[0]["status"] == "RUNNING"
    shipper.close(30)


def test_a_failed_trial_that_is_reopened_goes_on_in_its_run(ledger, ship, assert_exactly_once):
    trial_id = run_by_hand(ledger, epochs=2, end=TrialState.FAILED)
    ship()
    ledger.reopen(trial_id)
    ledger.start_attempt(trial_id, "there", "cpu")
    ledger.record_epoch(trial_id, epoch_record(3))
    ledger.end_trial(trial_id, TrialState.FINISHED)
    ship()
    assert_exactly_once()


def test_importing_the_room_does_not_import_mlflow():
    code = "import sys, study.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_id_in_the_environment_is_ignored(ledger, ship, assert_exactly_once, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    run_by_hand(ledger)
    assert ship().empty
    assert_exactly_once()
    assert os.environ["MLFLOW_RUN_ID"] == "0" * 32


def test_a_trial_of_more_points_than_one_call_takes_arrives_whole(ledger, ship, assert_exactly_once):
    run_by_hand(ledger, epochs=150)
    assert len(projection.points(epoch_record())) * 150 > 1000
    assert ship().empty
    assert_exactly_once()


def test_sync_ships_a_study_whose_driver_was_killed_as_interrupted(server, ledger, config):
    run_by_hand(ledger, end=None)
    assert sync(ledger.path, config.uri).empty
    (run,) = [run for run in server.runs(ledger.uid) if run["tags"]["kind"] == "trial"]
    assert (run["status"], run["tags"]["state"]) == ("KILLED", "interrupted")


def test_mlflow_is_left_alone_until_a_trial_has_begun(server, ledger, config):
    """Importing it takes seconds that the first trial would wait for."""
    ledger.add_trial(TrialConfig(seed=1), {}, "sobol")
    shipper = Shipper(ledger.path, config, interval=0.05)
    shipper.start()
    time.sleep(1)
    assert server.runs(ledger.uid) == []
    run_by_hand(ledger, seed=2, end=None)
    deadline = time.monotonic() + 60
    while len(server.runs(ledger.uid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert {run["tags"]["kind"] for run in server.runs(ledger.uid)} == {"study", "trial"}
    shipper.close(30)
