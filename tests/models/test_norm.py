import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fitscape.models.build import blueprint
from fitscape.models.norm import CHANNELS_PER_GROUP, group_count, make_norm
from fitscape.models.spec import ModelSpec


@given(st.integers(1, 4096))
def test_groups_divide_the_channels_and_are_never_small_unless_there_is_one(channels: int) -> None:
    groups = group_count(channels)
    assert channels % groups == 0
    assert groups == 1 or channels // groups >= CHANNELS_PER_GROUP


@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (16, 1), (64, 4), (96, 6), (512, 32), (36, 2), (37, 1)])
def test_groups_are_as_many_as_sixteen_channels_allow(channels: int, groups: int) -> None:
    assert group_count(channels) == groups


def test_group_norm_keeps_a_signal_on_single_pixel_maps() -> None:
    assert make_norm("group", 32)(torch.randn(2, 32, 1, 1)).abs().mean() > 0.1


@pytest.mark.parametrize("name", ["resnet", "plain", "densenet"])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_convolutions_carry_a_bias_only_without_norm(name: str, norm: str) -> None:
    spec = ModelSpec(family=name, depth=121 if name == "densenet" else 18, norm=norm)  # type: ignore[arg-type]
    model = blueprint(spec, (3, 32, 32), 10)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)]
    assert {m.bias is not None for m in convolutions} == {norm == "none"}
    assert bool(norms) == (norm != "none")
