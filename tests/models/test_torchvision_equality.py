"""At width 1 and the ImageNet stem the networks are torchvision's, weight for weight."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from fitscape.models.build import build
from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec

SHAPE, CLASSES = (3, 64, 64), 1000
published = pytest.mark.parametrize(
    ("spec", "theirs", "parameters"),
    [
        (ModelSpec(depth=18, stem="imagenet"), torchvision.models.resnet18, 11_689_512),
        (ModelSpec(depth=34, stem="imagenet"), torchvision.models.resnet34, 21_797_672),
        (ModelSpec(family="densenet", depth=121, stem="imagenet"), torchvision.models.densenet121, 7_978_856),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else "",
)


@published
def test_parameters_are_as_many_as_published(spec: ModelSpec, theirs: Callable[[], nn.Module], parameters: int) -> None:
    assert measure(spec, SHAPE, CLASSES)[0] == parameters


@published
def test_torchvision_weights_load_strictly_and_give_the_same_logits(
    spec: ModelSpec, theirs: Callable[[], nn.Module], parameters: int
) -> None:
    torch.manual_seed(0)
    reference, ours = theirs(), build(spec, SHAPE, CLASSES)
    x = torch.randn(2, *SHAPE)
    ours.load_state_dict(reference.state_dict(), strict=True)
    assert list(ours.state_dict()) == list(reference.state_dict())
    with torch.no_grad():
        for train in (True, False):  # in train mode the running statistics of both move along
            torch.testing.assert_close(ours.train(train)(x), reference.train(train)(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "weights"),
    [
        (ModelSpec(depth=18, stem="imagenet"), torchvision.models.ResNet18_Weights.IMAGENET1K_V1),
        (ModelSpec(depth=34, stem="imagenet"), torchvision.models.ResNet34_Weights.IMAGENET1K_V1),
        (
            ModelSpec(family="densenet", depth=121, stem="imagenet"),
            torchvision.models.DenseNet121_Weights.IMAGENET1K_V1,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, ModelSpec) else "",
)
def test_flops_are_twice_the_multiply_adds_that_torchvision_states(
    spec: ModelSpec, weights: torchvision.models.Weights
) -> None:
    _, flops = measure(spec, (3, 224, 224), CLASSES)
    assert flops / 2e9 == pytest.approx(weights.meta["_ops"], abs=5e-4)
