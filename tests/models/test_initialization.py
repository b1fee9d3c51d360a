import math

import pytest
import torch
from torch import nn

from fitscape.models.initialization import initialize
from fitscape.models.spec import Init


def large_layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(64, 256, 3), nn.BatchNorm2d(256), nn.Linear(256, 1024))


@pytest.mark.parametrize(
    ("init", "conv_std", "linear_std"),
    [
        ("he", math.sqrt(2 / (64 * 9)), math.sqrt(2 / 256)),
        ("glorot", math.sqrt(2 / (64 * 9 + 256 * 9)), math.sqrt(2 / (256 + 1024))),
        ("gaussian", 0.01, 0.01),
    ],
)
def test_weights_have_the_spread_of_the_paper(init: Init, conv_std: float, linear_std: float) -> None:
    torch.manual_seed(0)
    model = large_layers()
    initialize(model, init)
    assert model[0].weight.std().item() == pytest.approx(conv_std, rel=0.02)
    assert model[2].weight.std().item() == pytest.approx(linear_std, rel=0.02)
    assert not model[0].bias.any()
    assert not model[2].bias.any()


def test_nothing_of_what_was_in_memory_is_left() -> None:
    model = large_layers()
    for tensor in model.state_dict().values():
        tensor.fill_(float("nan") if tensor.is_floating_point() else -1)
    initialize(model, "he")
    fresh = nn.BatchNorm2d(256).state_dict()
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())
    assert all(torch.equal(model[1].state_dict()[k], fresh[k]) for k in fresh)


def test_a_layer_that_nobody_knows_how_to_draw_is_refused() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.empty(1))

    with pytest.raises(AssertionError, match="Scale"):
        initialize(Scale(), "he")
