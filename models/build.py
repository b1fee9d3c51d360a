"""From the hyperparameters to a network: ``build`` with drawn weights, ``blueprint`` without memory."""

from collections.abc import Callable
from importlib import import_module

import torch
from torch import nn

from fitscape.models import from_own, from_timm
from fitscape.models.initialization import initialize
from fitscape.models.registry import FAMILIES
from fitscape.models.spec import ModelSpec
from fitscape.models.workarounds import to_empty

InputShape = tuple[int, int, int]


def build(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """A network on the CPU, in train mode, weights drawn from torch's default generator.

    Args:
        spec: the hyperparameters.
        input_shape: (C, H, W) of one image, H and W in pixels.
        classes: how many logits the network gives; images [B, C, H, W] become logits [B, classes].

    Raises:
        ValueError: fewer than 2 classes, images that are too small for the architecture, a network of timm that is
            not at hand, or code of the user's that makes none; the text names what would be right.
    """
    if spec.own:
        return from_own.network(spec, input_shape, classes)
    model = blueprint(spec, input_shape, classes)
    if spec.timm:
        return from_timm.network(spec, input_shape, classes)
    model = to_empty(model)
    initialize(model, spec.init)
    return model


def blueprint(spec: ModelSpec, input_shape: InputShape, classes: int) -> nn.Module:
    """The same network on the meta device: shapes, but no memory and no numbers.

    Raises:
        ValueError: as ``build``.
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise ValueError(f"input_shape: {input_shape} is not (channels, height, width), each 1 or more")
    if classes < 2:
        raise ValueError(f"classes: {classes} is too few, a classifier needs 2 or more")
    if spec.own:
        return from_own.blueprint(spec, input_shape, classes)
    if spec.timm:
        return from_timm.blueprint(spec, input_shape, classes)
    family = import_module(f"fitscape.models.{FAMILIES[spec.family].module}")
    _check_size(spec, input_shape, family.smallest_input)
    with torch.device("meta"):
        model = family.network(spec, input_shape[0], classes)
    assert isinstance(model, nn.Module)
    return model


def _check_size(spec: ModelSpec, input_shape: InputShape, smallest_input: Callable[[ModelSpec], int]) -> None:
    _, height, width = input_shape
    least = smallest_input(spec)
    if min(height, width) >= least:
        return
    fix = f"give images of {least}x{least} or more"
    least_small = smallest_input(spec.replace(stem="small"))
    if min(height, width) >= least_small:
        fix += f", or stem 'small', which takes {least_small}x{least_small}"
    raise ValueError(
        f"input_shape: {height}x{width} images are too small for {spec.name} with stem '{spec.stem}'; {fix}"
    )
