"""A refactor that should change no number proves it here: seeded losses against a committed table.

With running batch-norm statistics they are those of 0.1.0.

After a change that is meant to alter them: PYTHONPATH=. python tests/training/test_golden_losses.py
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.training import Settings, run_trial

TABLE = Path(__file__).with_name("golden_losses.json")
LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()
# Other CPUs sum in another order. Another torch has other kernels too (2.9: 0.27 % in DenseNet121's first epoch).
TOLERANCE = 2e-3 if f"\ntorch=={torch.__version__.partition('+')[0]}\n" in LOCK else 1e-2
LOSSES = ("batch_loss", "train_loss", "val_loss")
SHARED = {"width": 0.25, "train_fraction": 0.4, "batch_size": 64, "epochs": 2, "lr": 0.02}
TRIALS: dict[str, dict[str, Any]] = {
    "resnet20": {"family": "resnet", "depth": 20, "dropout": 0.2, "augment": "crop_flip"},
    "plain20 under label noise": {"family": "plain", "depth": 20, "label_noise": 0.3, "init": "glorot"},
    "resnet18 group norm, adamw": {"family": "resnet", "depth": 18, "norm": "group", "optimizer": "adamw"},
    "densenet121 cosine": {"family": "densenet", "depth": 121, "width": 0.125, "schedule": "cosine"},
}


STATISTICS = ("running", "reestimated")


def losses(data: TrialData, name: str, batch_norm: str) -> list[list[float]]:
    hyperparameters = {**SHARED, **TRIALS[name], "batch_norm": batch_norm}
    config = TrialConfig(model=ModelSpec()).with_hyperparameters(hyperparameters)
    return [[getattr(p.record, name) for name in LOSSES] for p in run_trial(config, data, settings=Settings())]


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize("batch_norm", STATISTICS)
def test_losses_are_those_of_the_table(digits: TrialData, name: str, batch_norm: str) -> None:
    expected = json.loads(TABLE.read_text())[batch_norm][name]
    for epoch, row in zip(losses(digits, name, batch_norm), expected, strict=True):
        assert epoch == pytest.approx(row, rel=TOLERANCE)


def test_what_evaluations_use_changes_no_batch_loss() -> None:
    running, fresh = (json.loads(TABLE.read_text())[batch_norm] for batch_norm in STATISTICS)
    for name in TRIALS:
        assert [row[0] for row in running[name]] == [row[0] for row in fresh[name]]
        assert (running[name] == fresh[name]) == ("group norm" in name)


if __name__ == "__main__":
    digits_800 = load(DataConfig(limit=800, probe_size=200)).trial_data
    table = {batch_norm: {name: losses(digits_800, name, batch_norm) for name in TRIALS} for batch_norm in STATISTICS}
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
