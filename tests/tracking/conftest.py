"""One real MLflow server for the room's tests; each test has a study of its own on it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from faulty_proxy import FaultyProxy
from mlflow_server import MlflowServer
from studies_by_hand import new_ledger

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.tracking import Backlog, Shipper, projection, ui_command

OPEN_STORE = (
    "import sys, pathlib; from fitscape.study.config import TrackingConfig\n"
    "from fitscape.study.tracking.client import Client; from fitscape.study.tracking.location import locate\n"
    "Client(locate(pathlib.Path(sys.argv[1]), TrackingConfig(experiment='race')))\n"
)


class FreshStore(NamedTuple):
    """A SQLite store just made by two processes at once: its content, and their exit codes and complaints."""

    content: bytes
    codes: list[int]
    complaints: list[str]


@pytest.fixture(scope="session")
def fresh_store(tmp_path_factory: pytest.TempPathFactory) -> FreshStore:
    """Made once for all tests: its tables take seconds."""
    root = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-c", OPEN_STORE, str(root)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    complaints = [process.communicate(timeout=240)[1] for process in processes]
    return FreshStore((root / "mlflow.db").read_bytes(), [p.returncode for p in processes], complaints)


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory, fresh_store: FreshStore):
    root = tmp_path_factory.mktemp("mlflow")
    (root / "mlflow.db").write_bytes(fresh_store.content)
    server = MlflowServer(lambda port: ui_command(root, port), root / "server.log")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(running_server: MlflowServer):
    yield running_server
    running_server.signal(signal.SIGCONT)


@pytest.fixture
def config(server: MlflowServer) -> TrackingConfig:
    return TrackingConfig(uri=server.uri)


@pytest.fixture
def ledger(tmp_path: Path):
    folder = tmp_path / "runs" / "by-hand"
    folder.mkdir(parents=True)
    with new_ledger(folder) as ledger:
        yield ledger


@pytest.fixture
def ship(ledger: Ledger, config: TrackingConfig) -> Callable[[], Backlog]:
    """Bring MLflow up to the ledger, as a driver does that starts and ends."""

    def ship() -> Backlog:
        shipper = Shipper(ledger.path, config, interval=0.05)
        shipper.start()
        return shipper.close(60, extend=True)

    return ship


@pytest.fixture
def assert_exactly_once(server: MlflowServer, ledger: Ledger) -> Callable[..., None]:
    """MLflow shows one parent, one nested run a begun trial, and of each metric the ledger's values, once."""

    def check(ledger: Ledger = ledger) -> None:
        runs = server.runs(ledger.uid)
        (parent,) = [run for run in runs if run["tags"]["kind"] == "study"]
        nested = [run for run in runs if run["tags"]["kind"] == "trial"]
        trials = {trial.trial_id: trial for trial in ledger.trials() if projection.begun(trial)}
        assert sorted(run["tags"]["trial_id"] for run in nested) == sorted(trials)
        for run in nested:
            trial = trials[run["tags"]["trial_id"]]
            assert run["tags"]["mlflow.parentRunId"] == parent["run_id"]
            assert run["status"] == projection.status(trial)
            assert trial.state is TrialState.PENDING or run["tags"]["state"] == trial.state
            points = [point for record in trial.epochs for point in projection.points(record)]
            for key in {point.key for point in points} | run["metrics"]:
                expected = [(p.step, p.value, p.time) for p in points if p.key == key]
                # repr: NaN equals itself
                assert repr(server.history(run["run_id"], key)) == repr(sorted(expected)), key

    return check


@pytest.fixture
def proxy(server) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(server.port)
    yield proxy
    proxy.close()
