"""Every shipped space, and every kind of hyperparameter, has a report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_pages import data_of
from report_studies import simulated_study

from fitscape import search_spaces
from fitscape.study.config import HYPERPARAMETERS, StudyConfig
from fitscape.study.opened import open_study
from fitscape.study.report import build, figures
from fitscape.study.report.page import plain, script_json

RANGES: dict[str, Any] = {
    "width": {"low": 0.125, "high": 0.5, "log": True},
    "lr": {"low": 0.01, "high": 1, "log": True},
    "depth": {"choices": [18, 34]},
    "batch_size": {"low": 32, "high": 512, "log": True},
    "epochs": {"low": 4, "high": 64},
    "steps_per_epoch": {"choices": [5, 10]},
    "seed": {"low": 0, "high": 4},
    "dropout": {"low": 0, "high": 0.6, "step": 0.2},
    "train_fraction": {"low": 0.05, "high": 1, "log": True},
    "label_noise": {"low": 0, "high": 0.4},
    "momentum": {"choices": [0, 0.5, 0.9]},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True},
    "growth_rate": {"choices": [12, 32]},
    "architecture": {"choices": ["resnet18", "plain18"]},
    "family": {"choices": ["resnet", "plain"]},
    "norm": {"choices": ["batch", "group", "none"]},
    "init": {"choices": ["he", "glorot"]},
    "stem": {"choices": ["small", "imagenet"]},
    "shortcut": {"choices": ["identity", "projection"]},
    "optimizer": {"choices": ["sgd", "adamw"]},
    "schedule": {"choices": ["one_cycle", "constant"]},
    "augment": {"choices": ["none", "flip"]},
    "image_size": {"low": 4, "high": 8},
    "crop_scale": {"low": 0.3, "high": 1},
    "rotation": {"low": 0, "high": 20},
    "colour_jitter": {"low": 0, "high": 0.5},
    "rand_augment": {"low": 0, "high": 10},
    "batch_norm": {"choices": ["running", "reestimated"]},
    "class_weights": {"choices": ["none", "balanced"]},
    "label_smoothing": {"low": 0, "high": 0.2},
    "warmup_epochs": {"low": 0, "high": 2},
    "freeze": {"low": 0, "high": 4},
    "head_lr_ratio": {"low": 0.1, "high": 10, "log": True},
    "layer_decay": {"low": 0.5, "high": 1},
    "bn": {"choices": ["train", "frozen"]},
    "mixup": {"low": 0, "high": 1},
    "cutmix": {"low": 0, "high": 1},
}
NEED_FILES = {"loss", "weights"}


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at these pictures."""
    monkeypatch.setattr(figures, "DPI", 20)
    monkeypatch.setattr(figures, "SMALL", {})


def reported(tmp_path: Path, trials: int = 24, **study: Any) -> dict[str, Any]:
    config = StudyConfig.model_validate({"name": "s", "search": {"trials": trials}, **study})
    folder = simulated_study(tmp_path, config, trials, epochs=3)
    opened = open_study(folder)
    data = data_of(build(folder, study=opened))
    json.dumps(data, allow_nan=False)
    assert not opened.map_table().empty
    return data


@pytest.mark.parametrize(
    "name",
    # The whole of them takes as long as all others; each of its kinds is tried below.
    [pytest.param(name, marks=pytest.mark.slow if name == "full" else ()) for name in search_spaces.names()],
)
def test_a_shipped_space(tmp_path: Path, name: str) -> None:
    assert reported(tmp_path, space=name)["map"]


@pytest.mark.slow
@pytest.mark.parametrize("trials", [300, 1000])
@pytest.mark.parametrize("name", search_spaces.names())
def test_a_shipped_space_of_many_trials(tmp_path: Path, name: str, trials: int) -> None:
    data = reported(tmp_path, trials, space=name)
    assert len(data["map"]["planes"]) >= 2
    assert len(data["trials"]["number"]) == trials


@pytest.mark.parametrize(
    "names",
    [
        ("architecture", "batch_size"),
        ("family", "epochs", "depth"),
        ("seed", "dropout", "optimizer"),
        ("steps_per_epoch", "momentum", "norm"),
        ("batch_norm", "schedule", "stem", "rotation", "rand_augment"),
        ("crop_scale", "colour_jitter", "image_size"),
        ("class_weights", "label_smoothing", "mixup", "cutmix"),
        ("warmup_epochs", "freeze", "head_lr_ratio", "layer_decay", "bn"),
        ("augment", "init", "label_noise", "shortcut"),
        ("growth_rate", "weight_decay", "lr", "width", "train_fraction"),
    ],
)
def test_hyperparameters_of_every_kind(tmp_path: Path, names: tuple[str, ...]) -> None:
    finely = () if "lr" in names else ("lr",)  # so that no two points of a small design are one trial
    base = {"model": {"family": "densenet", "depth": 121}} if "growth_rate" in names else {}
    reported(tmp_path, base=base, space={name: RANGES[name] for name in (*names, *finely)})


def test_no_hyperparameter_is_left_out_above() -> None:
    assert set(HYPERPARAMETERS) - set(RANGES) <= NEED_FILES, "add the new hyperparameter here"


def test_numbers_of_numpy_are_json_wherever_they_stand() -> None:
    data = {np.int64(3): [np.float32(0.5), {"a": (np.bool_(True), np.int64(7))}]}
    assert plain(data) == {3: [0.5, {"a": [True, 7]}]}
    assert '{"3":[0.5,{"a":[true,7]}]}' in script_json("x", data)
