import subprocess
import sys
from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fitscape.models.build import blueprint, build
from fitscape.models.registry import FAMILIES
from fitscape.models.size import measure
from fitscape.models.spec import DEPTHS, ModelSpec, architectures, parse_architecture


@st.composite
def specs(draw: st.DrawFn) -> ModelSpec:
    family, depth = parse_architecture(draw(st.sampled_from(architectures())))
    return ModelSpec(
        family=family,
        depth=depth,
        width=draw(st.floats(0.125, 2)),
        shortcut=draw(st.sampled_from(["projection", "identity"])) if family == "resnet" else None,
        norm=draw(st.sampled_from(["batch", "group", "none"])),
        init=draw(st.sampled_from(["he", "glorot", "gaussian"])),
        stem=draw(st.sampled_from(["imagenet", "small"])),
        dropout=draw(st.floats(0, 0.9)),
        growth_rate=draw(st.integers(1, 64)),
    )


def smallest(spec: ModelSpec) -> int:
    return int(import_module(f"fitscape.models.{FAMILIES[spec.family].module}").smallest_input(spec))


@settings(max_examples=25, deadline=None)
@given(specs(), st.integers(1, 4), st.integers(0, 30), st.integers(0, 30), st.integers(2, 1000))
def test_every_valid_spec_classifies_images_of_the_smallest_size_and_up(
    spec: ModelSpec, channels: int, taller: int, wider: int, classes: int
) -> None:
    shape = (channels, smallest(spec) + taller, smallest(spec) + wider)
    model = blueprint(spec, shape, classes)
    assert model(torch.empty(2, *shape, device="meta")).shape == (2, classes)
    parameters, flops = measure(spec, shape, classes)
    assert parameters == sum(p.numel() for p in model.parameters())
    assert flops > 2 * parameters / 1000


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet34", "resnet20", "plain110", "densenet121"])
def test_the_smallest_input_is_where_the_last_halving_still_has_two_pixels(architecture: str, stem: str) -> None:
    family, depth = parse_architecture(architecture)
    spec = ModelSpec(family=family, depth=depth, stem=stem)  # type: ignore[arg-type]
    assert min(halved_sides(spec, smallest(spec))) >= 2
    assert min(halved_sides(spec, smallest(spec) - 1)) == 1


def halved_sides(spec: ModelSpec, side: int) -> list[int]:
    """Pixels a side of what goes into each layer that halves the map."""
    with torch.device("meta"):
        model = import_module(f"fitscape.models.{FAMILIES[spec.family].module}").network(spec, 1, 10)
    sides: list[int] = []
    for layer in model.modules():
        if getattr(layer, "stride", 1) in (2, (2, 2)) and isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            layer.register_forward_pre_hook(lambda _, inputs: sides.append(inputs[0].shape[-1]))
    try:
        model(torch.empty(2, 1, side, side, device="meta"))
    except RuntimeError:  # DenseNet's pooling of a single pixel leaves nothing
        assert sides[-1] == 1
    return sides


@pytest.mark.parametrize("side", [8, 14, 28])
@pytest.mark.parametrize("architecture", architectures())
def test_every_depth_takes_small_images_with_the_small_stem(architecture: str, side: int) -> None:
    family, depth = parse_architecture(architecture)
    blueprint(ModelSpec(family=family, depth=depth), (1, side, side), 10)


@pytest.mark.parametrize(
    ("spec", "side", "fixes"),
    [
        (ModelSpec(stem="imagenet"), 8, ("17x17", "stem 'small'")),
        (ModelSpec(family="densenet", depth=121, stem="imagenet"), 28, ("29x29", "stem 'small'")),
        (ModelSpec(family="densenet", depth=121), 7, ("8x8",)),
    ],
)
def test_images_that_are_too_small_are_refused_with_what_would_be_right(
    spec: ModelSpec, side: int, fixes: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=rf"^input_shape: {side}x40 images are too small for {spec.name}") as raised:
        build(spec, (3, side, 40), 10)
    assert all(fix in str(raised.value) for fix in fixes)
    assert ("stem 'small'," in str(raised.value)) == (spec.stem == "imagenet")


@pytest.mark.parametrize("shape", [(3, 32), (0, 32, 32), (3, 32, -1)])
def test_a_shape_that_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^input_shape: .* is not \(channels, height, width\)"):
        build(ModelSpec(), shape, 10)  # type: ignore[arg-type]


def test_a_single_class_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^classes: 1 is too few"):
        build(ModelSpec(), (1, 8, 8), 1)


def test_a_built_network_is_on_the_cpu_in_train_mode_and_a_blueprint_takes_no_memory() -> None:
    model = build(ModelSpec(depth=20), (1, 8, 8), 10)
    assert model.training
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert {p.device.type for p in blueprint(ModelSpec(depth=20), (1, 8, 8), 10).parameters()} == {"meta"}


def test_specs_and_the_registry_are_read_without_torch() -> None:
    code = "import sys, models, models.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_every_registered_family_is_a_family_of_the_spec() -> None:
    assert {name: entry.depths for name, entry in FAMILIES.items()} == DEPTHS
