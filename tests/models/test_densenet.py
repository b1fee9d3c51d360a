import pytest
import torch
from torch import nn

from fitscape.models.build import build
from fitscape.models.densenet import network
from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec

DENSENET = ModelSpec(family="densenet", depth=121)


@pytest.mark.parametrize(
    ("width", "growth_rate", "growth", "first"),
    [(1.0, 32, 32, 64), (0.5, 32, 16, 32), (2.0, 32, 64, 128), (0.125, 32, 4, 8), (0.125, 12, 4, 8), (1.0, 1, 1, 2)],
)
def test_width_scales_the_growth_rate_and_the_first_convolution(
    width: float, growth_rate: int, growth: int, first: int
) -> None:
    with torch.device("meta"):
        features = network(DENSENET.replace(width=width, growth_rate=growth_rate), 3, 10).get_submodule("features")
    assert features.get_submodule("conv0").out_channels == first
    assert features.get_submodule("denseblock1.denselayer1.conv2").out_channels == growth


def test_the_small_stem_keeps_the_resolution_and_the_parameters_that_the_field_reports() -> None:
    with torch.device("meta"):
        model = network(DENSENET, 3, 10)
        stem = model.get_submodule("features")[:3]
        assert stem(torch.empty(2, 3, 32, 32)).shape == (2, 64, 32, 32)
    assert round(measure(DENSENET, (3, 32, 32), 10)[0] / 1e6, 3) == 6.956


@pytest.mark.parametrize("norm", ["group", "none"])
def test_no_batch_norm_is_left_under_another_norm(norm: str) -> None:
    with torch.device("meta"):
        model = network(DENSENET.replace(norm=norm), 3, 10)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    groups = sum(isinstance(m, nn.GroupNorm) for m in model.modules())
    assert groups == (121 if norm == "group" else 0)  # one before each of 120 convolutions but the first; two ends


def test_dropout_acts_inside_the_dense_layers_in_train_mode_only() -> None:
    model = build(DENSENET.replace(dropout=0.5, norm="none", width=0.125), (1, 8, 8), 10)
    x = torch.rand(2, 1, 8, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_bf16_autocast_and_channels_last_give_finite_gradients(norm: str) -> None:
    spec = DENSENET.replace(width=0.125, norm=norm)
    model = build(spec, (1, 14, 14), 10).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(torch.randn(2, 1, 14, 14))
    logits.float().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
