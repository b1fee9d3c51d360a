"""Row 9 to the end, by the command: MLflow is away when a study ends, what is owed is said, and ``sync`` ships it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import fitscape
from mlflow_server import MlflowServer
from studies_by_hand import run_by_hand

from study.config import StudyConfig, TrackingConfig
from study.ledger import Ledger
from study.tracking import projection, ui_command


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    folder = tmp_path / "mlflow"
    folder.mkdir()
    server = MlflowServer(lambda port: ui_command(folder, port), folder / "server.log")
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.kill()


def test_sync_says_what_is_owed_and_ships_it_once_the_server_is_back(server: MlflowServer, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    (root / "owed").mkdir(parents=True)
    config = StudyConfig(name="owed", tracking=TrackingConfig(uri=server.uri))
    with Ledger.create(root / "owed" / "ledger.db", config, {"data_fingerprint": "abc123"}) as ledger:
        for seed in (1, 2):
            run_by_hand(ledger, seed=seed, epochs=3)
        trials, uid = ledger.trials(), ledger.uid
    server.kill()
    left = fitscape("sync", "owed", "--root", root)
    assert left.code == 2, left
    assert "66 points, 2 runs" in left.err
    assert "nothing answers" in left.err
    assert "`fitscape sync` again" in left.err

    server.start()
    left = fitscape("sync", "owed", "--root", root)
    assert (left.code, left.out) == (0, "owed: everything is in MLflow\n"), left
    assert fitscape("sync", "owed", "--root", root).code == 0, "a second time there is nothing left to do"
    runs = {run["tags"].get("trial_id"): run for run in server.runs(uid)}
    for trial in trials:
        run = runs[trial.trial_id]
        assert run["status"] == "FINISHED"
        expected = sorted(
            (p.step, p.value, p.time) for r in trial.epochs for p in projection.points(r) if p.key == "gap"
        )
        assert server.history(run["run_id"], "gap") == expected
