"""Nets as MLflow models: whole, once, without pickle, and good to use by MLflow alone."""

import subprocess
import sys

import pytest
import torch
from studies_by_hand import run_by_hand
from torch import nn

from fitscape.study.tracking import save_net, sync

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


def test_a_net_is_logged_once_and_predicts_by_mlflow_alone(server, ledger, ship, config, net, monkeypatch):
    trial_id = run_by_hand(ledger)
    study = ledger.path.parent
    folder = save_net(study, trial_id, net, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), CLASSES)
    assert not [f for f in folder.rglob("*") if f.suffix in (".pkl", ".pickle", ".pth")]
    assert "tensor-spec" in (folder / "MLmodel").read_text()
    ledger.release()
    assert ship().empty
    assert sync(ledger.path, config.uri).empty
    (model,) = server.models(ledger.uid)
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
