"""A refactor that should change no number proves it here: seeded losses against a committed table.

After a change that is meant to alter them: PYTHONPATH=. python tests/training/test_golden_losses.py
"""

import json
from pathlib import Path
from typing import Any

import pytest

from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.training import Settings, run_trial

TABLE = Path(__file__).with_name("golden_losses.json")
LOSSES = ("batch_loss", "train_loss", "val_loss")
SHARED = {"width": 0.25, "train_fraction": 0.4, "batch_size": 64, "epochs": 2, "lr": 0.02}
TRIALS: dict[str, dict[str, Any]] = {
    "resnet20": {"family": "resnet", "depth": 20, "dropout": 0.2, "augment": "crop_flip"},
    "plain20 under label noise": {"family": "plain", "depth": 20, "label_noise": 0.3, "init": "glorot"},
    "resnet18 group norm, adamw": {"family": "resnet", "depth": 18, "norm": "group", "optimizer": "adamw"},
    "densenet121 cosine": {"family": "densenet", "depth": 121, "width": 0.125, "schedule": "cosine"},
}


def losses(data: TrialData, hyperparameters: dict[str, Any]) -> list[list[float]]:
    config = TrialConfig(model=ModelSpec()).with_hyperparameters({**SHARED, **hyperparameters})
    return [[getattr(p.record, name) for name in LOSSES] for p in run_trial(config, data, settings=Settings())]


@pytest.mark.parametrize("name", TRIALS)
def test_losses_are_those_of_the_table(digits: TrialData, name: str) -> None:
    expected = json.loads(TABLE.read_text())[name]
    for epoch, row in zip(losses(digits, TRIALS[name]), expected, strict=True):
        assert epoch == pytest.approx(row, rel=2e-3)  # other CPUs sum in another order


if __name__ == "__main__":
    digits_800 = load(DataConfig(limit=800, probe_size=200)).trial_data
    table = {name: losses(digits_800, hyperparameters) for name, hyperparameters in TRIALS.items()}
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
