"""Row 9 to the end, by the command: MLflow is away when a study ends, what is owed is said, and ``sync`` ships it."""

import importlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import fitscape
from drivers import small_study
from mlflow_server import MlflowServer
from studies_by_hand import run_by_hand

from fitscape.study.cli import main
from fitscape.study.config import StudyConfig, TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump
from fitscape.study.records import TrialRecord
from fitscape.study.tracking import projection, sync, ui_command

pytestmark = pytest.mark.alone


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    folder = tmp_path / "mlflow"
    folder.mkdir()
    server = MlflowServer(lambda port: ui_command(folder, port), folder / "server.log")
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.kill()


@pytest.mark.ci
def test_sync_says_what_is_owed_and_ships_it_once_the_server_is_back(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "runs"
    (root / "owed").mkdir(parents=True)
    config = StudyConfig(name="owed", tracking=TrackingConfig(uri=server.uri))
    with Ledger.create(root / "owed" / "ledger.db", config, {"data_fingerprint": "abc123"}) as ledger:
        for seed in (1, 2):
            run_by_hand(ledger, seed=seed, epochs=3)
        trials, uid = ledger.trials(), ledger.uid
    server.kill()
    importlib.import_module("mlflow.exceptions")  # and all of MLflow, which a busy machine takes long for
    monkeypatch.setitem(sync.__kwdefaults__, "patience", 8.0)  # of 30 s, in which nothing else would happen
    with pytest.raises(SystemExit) as ended:
        main(["sync", "owed", "--root", str(root)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    points = sum(len(projection.metrics(record)) for trial in trials for record in trial.epochs)
    assert f"{points} points, 2 runs" in said
    assert "nothing answers" in said
    assert "`fitscape sync` again" in said

    server.start()
    left = fitscape("sync", "owed", "--root", root)
    assert (left.code, left.out) == (0, "owed: everything is in MLflow\n"), left
    assert fitscape("sync", "owed", "--root", root).code == 0, "a second time there is nothing left to do"
    assert_shipped(server, uid, trials)


def assert_shipped(server: MlflowServer, uid: str, trials: list[TrialRecord]) -> None:
    """One finished run a trial, and of a metric every value once."""
    runs = [run for run in server.runs(uid) if run["tags"]["kind"] == "trial"]
    assert sorted(run["tags"]["trial_id"] for run in runs) == sorted(trial.trial_id for trial in trials)
    by_trial = {run["tags"]["trial_id"]: run for run in runs}
    for trial in trials:
        run = by_trial[trial.trial_id]
        assert run["status"] == "FINISHED"
        gaps = [(p.step, p.value, p.time) for r in trial.epochs for p in projection.points(r) if p.key == "gap"]
        assert server.history(run["run_id"], "gap") == sorted(gaps)


def kill_after_first_epoch(server: MlflowServer, ledger: Path) -> None:
    while True:
        time.sleep(0.1)
        try:
            with Ledger.open(ledger, read_only=True) as there:
                if any(trial.epochs for trial in there.trials()):
                    return server.kill()
        except UserError:  # not made yet
            continue


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_that_ends_in_an_outage_is_done_and_is_shipped_later(server: MlflowServer, tmp_path: Path) -> None:
    root, file = tmp_path / "runs", tmp_path / "study.yaml"
    config = small_study("cut-off", trials=3, epochs=5).model_copy(update={"tracking": TrackingConfig(uri=server.uri)})
    file.write_text(dump(config.model_dump(mode="json")))
    ledger = root / "cut-off" / "ledger.db"
    threading.Thread(target=kill_after_first_epoch, args=(server, ledger), daemon=True).start()
    left = fitscape("run", file, "--root", root, within=600)
    assert left.code == 0, left
    assert "are not in MLflow" in left.out
    assert f"ship them with: fitscape sync cut-off --root {root}" in left.out
    server.start()
    left = fitscape("sync", "cut-off", "--root", root)
    assert (left.code, left.out) == (0, "cut-off: everything is in MLflow\n"), left
    with Ledger.open(ledger, read_only=True) as there:
        assert_shipped(server, there.uid, there.trials())
