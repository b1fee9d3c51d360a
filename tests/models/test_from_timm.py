"""timm's networks as families: as timm draws them, with dropout as the one hyperparameter of ours that they have."""

import subprocess
import sys

import pytest
import torch

from fitscape.models import ModelSpec, parse_architecture
from fitscape.models.build import build
from fitscape.models.layers import weight_layers
from fitscape.models.size import measure


def spec(name: str, **hyperparameters: object) -> ModelSpec:
    family, depth = parse_architecture(f"timm:{name}")
    return ModelSpec(family=family, depth=depth, **hyperparameters)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "shape"),
    [("resnet10t", (1, 8, 8)), ("resnet10t", (3, 32, 32)), ("test_vit", (3, 32, 32)), ("test_convnext", (4, 64, 48))],
)
def test_channels_classes_and_size_of_images_are_the_studys(name: str, shape: tuple[int, int, int]) -> None:
    model = build(spec(name), shape, 7)
    assert model.training
    assert model(torch.zeros(2, *shape)).shape == (2, 7)
    assert len(weight_layers(model)) > 2


def test_weights_are_drawn_from_the_seed_and_are_none_that_were_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights are loaded")

    monkeypatch.setattr("timm.models._builder.load_pretrained", refuse)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(torch.cat([p.flatten() for p in build(spec("resnet10t"), (1, 8, 8), 10).parameters()]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].isfinite().all()


def test_dropout_is_a_hyperparameter() -> None:
    torch.manual_seed(0)
    model, images = build(spec("resnet10t", dropout=0.9), (1, 16, 16), 10), torch.randn(4, 1, 16, 16)
    assert not torch.equal(model(images), model(images))


def test_its_size_is_counted_without_drawing_a_number() -> None:
    before = torch.get_rng_state()
    parameters, flops = measure(spec("resnet18"), (3, 224, 224), 1000)
    assert parameters == 11_689_512  # as torchvision's and our own resnet18
    assert flops == 2 * 1_814_073_344
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"width": 0.5}, "width: 0.5 does not go with timm:resnet10t"),
        ({"norm": "group"}, "norm: group does not go with timm:resnet10t"),
        ({"stem": "imagenet"}, "stem: imagenet does not go with timm:resnet10t"),
        ({"shortcut": "identity"}, "shortcut: identity does not go with"),
        ({"depth": 20}, "depth: 20 does not go with timm:resnet10t"),
        ({"dropout": 1.0}, "dropout: 1.0 is outside 0 to 1"),
        ({"width": "wide"}, "width: 'wide' is not a number"),
    ],
)
def test_hyperparameters_that_do_not_apply_are_refused(hyperparameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        ModelSpec(**{"family": "timm:resnet10t", **hyperparameters})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "resnet10t.c3_in1k", "hf-hub:someone/model", "local-dir:x", "../x", "ResNet"])
def test_names_that_could_load_something_are_no_families(name: str) -> None:
    with pytest.raises(ValueError, match="is not timm:NAME, where NAME has small letters"):
        ModelSpec(family=f"timm:{name}")


def test_name_and_depth_follow_from_the_family() -> None:
    one = ModelSpec(family="timm:resnet10t")
    assert one == ModelSpec(family="timm:resnet10t", depth=0, shortcut="none")
    assert one.name == "timm:resnet10t"
    assert one.replace(family="resnet", depth=18) == ModelSpec()
    assert ModelSpec().replace(family="timm:resnet10t", depth=0) == one


@pytest.mark.parametrize(
    ("name", "message"),
    [("test_vit", "cannot take 8x8 images of 1 channels"), ("nothing", "has no network 'nothing'")],
)
def test_what_cannot_be_built_says_why(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(spec(name), (1, 8, 8), 10)


def test_everything_but_its_own_families_works_without_timm() -> None:
    script = """
import sys
sys.modules["timm"] = None  # what an import meets where it is not installed
from fitscape.models import ModelSpec
from fitscape.models.build import build
build(ModelSpec(), (1, 8, 8), 10)
try:
    build(ModelSpec(family="timm:resnet10t"), (1, 8, 8), 10)
except ValueError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == "family: timm is not installed; pip install 'timm>=1.0.20'\n"
