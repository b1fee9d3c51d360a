"""Runs of an experiment that somebody else logged."""

import os
import time
from pathlib import Path

import pytest
from faulty_proxy import FaultyProxy
from mlflow_server import MlflowServer
from strangers import file_store

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.importing import DataSetFacts, Keys, look, make
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState
from fitscape.study.tracking import pace
from fitscape.study.tracking.client import Client
from fitscape.study.tracking.location import Location
from fitscape.study.tracking.runs import read_runs

RUNS = [
    {
        "params": {"lr": 10.0**-i, "optimizer": "sgd"},
        "metrics": {"train_acc": [0.5, 0.6, 0.9], "val_acc": [0.4, 0.5, 0.8 - 0.1 * i]},
    }
    for i in range(4)
]


def test_a_file_store_gives_final_values_and_curves_where_they_are_asked_for(tmp_path: Path) -> None:
    store = file_store(tmp_path / "mlruns", [*RUNS, {"params": {"lr": 1}, "metrics": {}, "status": 4}])
    runs, keys = look(store, Keys())
    assert (keys.train, keys.val, keys.params) == ("train_acc", "val_acc", ("lr",))
    assert [len(run.rows) for run in runs.runs] == [1, 1, 1, 1, 0]
    study = open_study(make(runs, keys, "a", tmp_path, facts=DataSetFacts(classes=10)))
    assert [t.last.val_error for t in study.trials if t.last] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert study.trials[4].state is TrialState.FAILED
    runs, keys = look(store, Keys(), curves=True)
    study = open_study(make(runs, keys, "b", tmp_path, facts=DataSetFacts(classes=10)))
    assert [(e.epoch, round(e.train_error, 6)) for e in study.trials[0].epochs] == [(1, 0.5), (2, 0.4), (3, 0.1)]


def test_a_page_of_many_runs_may_take_a_server_longer_than_a_call_of_the_shipper_s(
    server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(Location(server.uri, "long", None))
    client._mlflow.create_run(client.experiment_id)
    monkeypatch.setenv(pace.TIMEOUT, "1")
    proxy = FaultyProxy(server.port)
    proxy.fault = lambda call: time.sleep(2)
    assert len(read_runs(proxy.uri, "long")[1]) == 1
    assert os.environ[pace.TIMEOUT] == "1"
    proxy.close()


def test_a_server_gives_the_runs_of_the_experiment_that_is_named(server: MlflowServer, tmp_path: Path) -> None:
    client = Client(Location(server.uri, "strangers", None))
    for i in range(3):
        run = client._mlflow.create_run(client.experiment_id)
        client._mlflow.log_param(run.info.run_id, "lr", 10.0**-i)
        for key, value in {"train_error": 0.1, "val_error": float("nan") if i == 2 else 0.2}.items():
            client._mlflow.log_metric(run.info.run_id, key, value)
        client._mlflow.set_terminated(run.info.run_id)
    runs, keys = look(server.uri, Keys(), experiment="strangers")
    folder = make(runs, keys, "read", tmp_path, facts=DataSetFacts(classes=10))
    with Ledger.open(folder / "ledger.db") as ledger:
        assert sorted(t.state for t in ledger.trials()) == ["diverged", "finished", "finished"]
    with pytest.raises(UserError, match="has no experiment 'nonsense'") as refused:
        read_runs(server.uri, "nonsense")
    assert "strangers" in str(refused.value)
    with pytest.raises(UserError, match="no experiment"):
        read_runs(server.uri, "still nonsense")
    assert client._mlflow.get_experiment_by_name("nonsense") is None  # reading makes nothing


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="nothing answers") as refused:
        read_runs("http://127.0.0.1:9", TrackingConfig().experiment)
    assert "\n" not in str(refused.value)
    assert "--tracking-uri" not in str(refused.value)  # which reading has not
