from collections.abc import Callable
from typing import Any

import pytest

from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, TrialConfig
from fitscape.study.data import TrialData, load

TINY = {
    "family": "resnet",
    "depth": 20,
    "width": 0.25,
    "train_fraction": 0.4,
    "batch_size": 64,
    "epochs": 3,
}


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> TrialData:
    """800 real 8x8 images; 640 to train on, 160 to validate."""
    root = tmp_path_factory.mktemp("digits")
    return load(DataConfig(root=str(root), limit=800, probe_size=200)).trial_data


@pytest.fixture
def tiny() -> Callable[..., TrialConfig]:
    """A trial of 0.1 s per epoch: ResNet-20 of 4 channels on 256 digits; any hyperparameter can be set."""

    def make(**hyperparameters: Any) -> TrialConfig:
        base = TrialConfig(model=ModelSpec(family="resnet", depth=20, width=0.25))
        return base.with_hyperparameters({**TINY, **hyperparameters})

    return make
