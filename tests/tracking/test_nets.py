"""Nets as MLflow models: whole, once, without pickle, and good to use by MLflow alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import torch
from studies_by_hand import run_by_hand
from torch import nn

from fitscape.study.errors import UserError
from fitscape.study.nets.network import Normalized, Pictures
from fitscape.study.tracking import require_name, save_net, sync

CLASSES = ("cat", "dog", "owl")
LOAD_AND_PREDICT = """
import sys, numpy as np, mlflow
mlflow.set_tracking_uri(sys.argv[1])
net = mlflow.pyfunc.load_model(sys.argv[2])
images = np.arange(3 * 64, dtype=np.uint8).reshape(3, 1, 8, 8)
print(np.asarray(net.predict(images)).round(4).tolist())
assert not any(name.split(".")[0] in ("study", "models", "ray") for name in sys.modules), "needs our code"
"""


class Pixels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, len(CLASSES))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(images.to(torch.float32).flatten(1) / 255)
        return logits


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Pixels().eval()


@pytest.mark.ci
def test_a_net_is_logged_once_and_predicts_by_mlflow_alone(server, ledger, ship, config, net, monkeypatch):
    trial_id = run_by_hand(ledger)
    study = ledger.path.parent
    folder = save_net(study, trial_id, net, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), CLASSES, "pets")
    assert not [f for f in folder.rglob("*") if f.suffix in (".pkl", ".pickle", ".pth")]
    assert "tensor-spec" in (folder / "MLmodel").read_text()
    ledger.release()
    assert ship().empty
    assert sync(ledger.path, config.uri).empty
    answer = requests.get(f"{config.uri}/api/2.0/mlflow/model-versions/search", {"filter": "name = 'pets'"}, timeout=30)
    (version,) = answer.json()["model_versions"]
    (model,) = server.models(ledger.uid)
    assert (version["version"], version["run_id"]) == ("1", model["source_run_id"])
    assert (model["status"], model["name"]) == ("LOGGED_MODEL_READY", "resnet18")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    told = subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, config.uri, f"models:/{model['model_id']}"],
        cwd=study,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    images = torch.arange(3 * 64, dtype=torch.uint8).reshape(3, 1, 8, 8)
    assert told.stdout.strip() == str(net(images).detach().numpy().round(4).tolist()), told.stderr


def test_a_net_saved_again_replaces_the_first(ledger, net):
    study, example = ledger.path.parent, torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    first = save_net(study, "abc", net, example, CLASSES)
    assert save_net(study, "abc", net, example, CLASSES) == first
    assert [p.name for p in first.parent.iterdir()] == ["abc"]


@pytest.mark.parametrize("name", ["a/b", "a:b", "it's", " pets", ""])
def test_a_name_that_no_registered_model_can_have_is_refused(name):
    with pytest.raises(UserError, match="is not a name for a registered model"):
        require_name(name)


@pytest.mark.slow
def test_mlflow_serves_a_net_and_it_answers_a_picture(tmp_path):
    """`mlflow models serve` in a process of its own: a grey picture in JSON gets the net's logits."""
    torch.manual_seed(0)
    net = Pictures(Normalized([Pixels()], [1.0]), 1, 8, 8).eval()
    folder = save_net(tmp_path, "abc", net, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), CLASSES)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["models", "serve", "-m", str(folder), "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # it looks uvicorn up there
    picture = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    with (tmp_path / "log").open("w") as log:
        served = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            answer = answered(f"http://127.0.0.1:{port}/invocations", {"inputs": picture.tolist()}, served)
        finally:
            os.killpg(served.pid, signal.SIGTERM)
            served.wait(30)
    (logits,) = answer["predictions"]
    assert logits == pytest.approx(net(picture)[0].tolist(), abs=1e-4), (tmp_path / "log").read_text()


def answered(address, body, served):
    """What the server says, once it listens."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and served.poll() is None:
        try:
            return requests.post(address, json=body, timeout=30).json()
        except requests.ConnectionError:
            time.sleep(0.5)
    return {"predictions": [[]]}
