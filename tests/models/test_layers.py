import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitscape.models.build import blueprint
from fitscape.models.layers import scaled, weight_layers
from fitscape.models.spec import ModelSpec


@pytest.mark.parametrize(("channels", "width", "expected"), [(64, 0.3, 19), (16, 0.125, 4), (16, 0.5, 8), (5, 1.0, 5)])
def test_channels_are_rounded_to_the_nearest_and_kept_from_vanishing(
    channels: int, width: float, expected: int
) -> None:
    assert scaled(channels, width) == expected


@given(st.integers(1, 512), st.floats(0.125, 2), st.floats(0.125, 2))
def test_channels_grow_with_the_width_and_are_published_at_width_1(channels: int, a: float, b: float) -> None:
    narrow, wide = sorted((a, b))
    assert 1 <= scaled(channels, narrow) <= scaled(channels, wide)
    assert scaled(channels, 1) == channels


def test_convolutions_of_projection_shortcuts_do_not_count_as_depth() -> None:
    model = blueprint(ModelSpec(depth=18, shortcut="projection"), (3, 32, 32), 10)
    names = [name for name, _ in weight_layers(model)]
    assert "layer2.0.downsample.0" in dict(model.named_modules())
    assert "layer2.0.downsample.0" not in names
    assert (names[0], names[-1]) == ("conv1", "fc")


@pytest.mark.parametrize(
    ("name", "on_the_path", "beside"),
    [
        ("test_convnext", "stages.1.downsample.1", None),
        ("swin_tiny_patch4_window7_224", "layers.1.downsample.reduction", None),
        ("test_resnet", "layer1.0.conv1", "layer2.0.downsample.1"),
        ("test_byobnet", "stages.0.0.conv1_kxk.conv", "stages.0.0.shortcut.conv"),
    ],
)
def test_downsampling_counts_where_it_lies_on_the_path(name: str, on_the_path: str, beside: str | None) -> None:
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name)
    names = [layer for layer, _ in weight_layers(model)]
    assert on_the_path in names
    if beside is not None:
        assert beside in dict(model.named_modules())
        assert beside not in names
