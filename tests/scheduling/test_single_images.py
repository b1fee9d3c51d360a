"""Batch norm on one image a batch: refused before the start where torch would refuse each trial."""

from typing import Any

import pytest

from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.errors import UserError
from fitscape.study.scheduling.single_images import require_more_than_one_image
from fitscape.study.search.space import resolve
from fitscape.study.training import Settings, run_trial


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> TrialData:
    """8x8 images, 640 to train on."""
    return load(DataConfig(root=str(tmp_path_factory.mktemp("digits")), limit=800)).trial_data


def check(data: TrialData, **given: Any) -> None:
    config = StudyConfig.model_validate({"name": "s", **given})
    require_more_than_one_image(config, resolve(config), data)


ONE: dict[str, Any] = {"optimization": {"batch_size": 1}}


@pytest.mark.parametrize(
    "study",
    [
        {"base": ONE, "space": {"lr": {"low": 0.01, "high": 0.1}}},
        {"space": {"batch_size": {"choices": [64, 1]}}},
        {"space": {"batch_size": {"low": 1, "high": 64, "log": True}, "norm": {"choices": ["group", "batch"]}}},
        {"space": {"train_fraction": {"low": 0.001, "high": 1, "log": True}}},
        {"enqueue": [{"architecture": "densenet121", "batch_size": 1}], "space": {"lr": {"choices": [0.1]}}},
        {"base": ONE, "space": {"architecture": {"choices": ["resnet20", "plain18"]}}},
    ],
)
def test_refused_in_one_line(digits: TrialData, study: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"1x1 in \w+ on 8x8 images") as caught:
        check(digits, **study)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "study",
    [
        {"base": {**ONE, "model": {"norm": "group"}}},
        {"base": {**ONE, "model": {"norm": "none"}}},
        {"base": {**ONE, "model": {"depth": 20}}},  # its last maps are 2x2
        {"space": {"batch_size": {"choices": [64, 2]}}},
        {"space": {"train_fraction": {"low": 0.01, "high": 1, "log": True}}},
    ],
)
def test_what_can_be_trained_is_let_through(digits: TrialData, study: dict[str, Any]) -> None:
    check(digits, **{"space": {"lr": {"choices": [0.1]}}, **study})


def test_a_net_with_larger_maps_trains_on_one_image_a_batch(digits: TrialData) -> None:
    hyperparameters = {"architecture": "resnet20", "width": 0.25, "batch_size": 1, "epochs": 1, "steps_per_epoch": 3}
    (progress,) = run_trial(TrialConfig().with_hyperparameters(hyperparameters), digits, settings=Settings())
    assert progress.record.step == 3
