import random

import pytest
import torch
from torch import Tensor, nn

from fitscape.models.spec import ModelSpec, parse_architecture
from fitscape.study.training.operators import difference, why_not_captured

IMAGES, LABELS = torch.randn(4, 3, 8, 8), torch.arange(4) % 3


@pytest.mark.parametrize("architecture", ["resnet18", "resnet20", "plain20", "densenet121"])
def test_every_family_takes_the_same_step_again_and_again(architecture: str) -> None:
    family, depth = parse_architecture(architecture)
    spec = ModelSpec(family=family, depth=depth, dropout=0.1)
    assert why_not_captured(spec, (3, 16, 16), 10) == ""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(192, 3)
        self.steps = 0

    def forward(self, images: Tensor) -> Tensor:
        self.steps += 1
        logits: Tensor = self.head(self.change(images.flatten(1)))
        return logits

    def change(self, x: Tensor) -> Tensor:
        return x


class ByScalar(Net):
    def change(self, x: Tensor) -> Tensor:
        return x * (1 + self.steps)


class ByOperator(Net):
    def change(self, x: Tensor) -> Tensor:
        return x.relu() if self.steps % 2 else x


class ByStorage(Net):
    """Remembers the last batch."""

    def change(self, x: Tensor) -> Tensor:
        last, self.last = getattr(self, "last", x), x + 1
        return x + last


class ByWaiting(Net):
    def change(self, x: Tensor) -> Tensor:
        return x / x.abs().max().item()


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (Net, ""),
        (ByScalar, "steps differ: mul"),
        (ByOperator, "steps differ: operator"),
        (ByStorage, "steps differ: add"),
        (ByWaiting, "a step waits for the result of _local_scalar_dense"),
    ],
)
def test_what_changes_from_step_to_step_is_named(net: type[Net], why: str) -> None:
    random.seed(0)
    found = difference(net(), IMAGES, LABELS)
    assert found.startswith(why)
    assert bool(found) == bool(why)
