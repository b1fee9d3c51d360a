"""Weights are pinned, set what they imply, and are refused where they do not fit or have seen held-out images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, load
from fitscape.study.data.splits import content_hashes
from fitscape.study.driver.starting_weights import pin, record, sentences
from fitscape.study.errors import UserError
from fitscape.study.files import SEEN
from fitscape.study.weights import write_file


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> SealedData:
    return load(DataConfig(root=str(tmp_path_factory.mktemp("data")), limit=300))


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A resnet18 of 8 channels with the ImageNet stem, for 5 classes."""
    path = tmp_path_factory.mktemp("weights") / "narrow.pth"
    torch.save(build(ModelSpec(width=0.125, stem="imagenet"), (3, 64, 64), 5).state_dict(), path)
    return path


def study(data: DataConfig | None = None, space: dict[str, Any] | None = None, **base: Any) -> StudyConfig:
    return StudyConfig(
        name="s",
        data=data or DataConfig(),
        base=TrialConfig().with_hyperparameters(base),
        space={name: Choices(choices=tuple(values)) for name, values in (space or {}).items()},
    )


def test_a_study_without_weights_stays_as_it_is(tmp_path: Path) -> None:
    config = study()
    assert pin(config, tmp_path).config is config


def test_weights_set_width_norm_and_stem_and_are_named_by_their_content(narrow: Path, tmp_path: Path) -> None:
    pinned = pin(study(weights=str(narrow)), tmp_path)
    (name,) = pinned.sources
    model = pinned.config.base.model
    assert model.weights == name == f"{narrow}@{pinned.weights[name].digest}"
    assert (model.width, model.stem, model.norm) == (0.125, "imagenet", "batch")
    assert "stem is imagenet, as in the weights (the study said small)" in pinned.notes
    again = pin(pinned.config, tmp_path)
    assert again.config == pinned.config


def test_the_scratch_twin_has_the_network_of_the_weights(narrow: Path, tmp_path: Path) -> None:
    pinned = pin(study(space={"weights": ["none", str(narrow)]}), tmp_path)
    assert isinstance(pinned.config.space, dict)
    none, name = pinned.config.space["weights"].choices  # type: ignore[union-attr]
    assert (none, [name]) == ("none", [*pinned.sources])
    twins = [pinned.config.base.with_hyperparameters({"weights": w}).model for w in (none, name)]
    assert {(m.width, m.stem) for m in twins} == {(0.125, "imagenet")}


def test_what_weights_set_cannot_be_searched(narrow: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space\.width: is set by the weights"):
        pin(study(weights=str(narrow), space={"width": [0.5, 1.0]}), tmp_path)


def test_weights_of_another_network_are_refused_with_their_keys(narrow: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        pin(study(weights=str(narrow), space={"architecture": ["resnet18", "resnet34"]}), tmp_path)
    text = str(refused.value)
    assert "do not fit resnet34: they lack layer1.2.conv1.weight, layer1.2.bn1.weight, layer1.2.bn1.bias and" in text
    assert "\n" not in text


def test_weights_that_would_set_what_no_network_has_are_refused(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"weights do not fit resnet20: width: 4.0 is outside .*take the weights of"):
        pin(study(weights=str(tmp_path / "w.pth"), architecture="resnet20"), tmp_path)


def test_what_is_changed_for_the_data_is_recorded(narrow: Path, tmp_path: Path, digits: SealedData) -> None:
    big = digits.config.model_copy(update={"image_size": 32})
    pinned = pin(study(big, weights=str(narrow)), tmp_path)
    recorded = record(pinned, load(big))
    (facts,) = recorded.values()
    assert facts["head"] == "drawn: 5 classes before, 10 now"
    assert facts["stem"] == "3 channels before, 1 now: summed"
    assert facts["from"] == str(narrow)
    assert next(iter(sentences(recorded))).endswith("head drawn: 5 classes before, 10 now; stem " + facts["stem"])


def test_the_size_of_images_that_works_is_said(tmp_path: Path, digits: SealedData) -> None:
    torch.save(torchvision.models.densenet121(num_classes=5).state_dict(), tmp_path / "d.pth")
    pinned = pin(study(digits.config, weights=str(tmp_path / "d.pth"), architecture="densenet121"), tmp_path)
    with pytest.raises(UserError, match=r"8x8 images are too small for densenet121 .* give images of 29x29 or more"):
        record(pinned, digits)


@pytest.mark.parametrize(("part", "refused"), [("train", ""), ("validation", "validation"), ("test", "test")])
def test_weights_that_have_seen_held_out_images_are_refused(
    part: str, refused: str, tmp_path: Path, digits: SealedData
) -> None:
    images = {
        "train": digits.trial_data.train_images,
        "validation": digits.trial_data.val_images,
        "test": digits.open_test("to plant a leak").images,
    }[part][:3]
    net = build(ModelSpec(width=0.125), (1, 8, 8), 10)
    about = {"mean": [1.0], "std": [2.0], "dataset": "digits", "input_shape": [1, 8, 8]}
    write_file(tmp_path / "w.safetensors", net.state_dict(), about)
    np.save(tmp_path / SEEN, content_hashes(images.numpy()))
    pinned = pin(study(digits.config, weights=str(tmp_path / "w.safetensors")), tmp_path)
    if not refused:
        assert record(pinned, digits)
        return
    with pytest.raises(UserError, match=f"was trained on 3 images of {refused}"):
        record(pinned, digits)
