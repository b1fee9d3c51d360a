"""The net of a trial, drawn from its own seed and placed on its device in the layout of the settings."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.training.folded_norm import fold_narrow_norms
from fitscape.study.training.randomness import seeded_default
from fitscape.study.training.settings import Settings

SMALL_MAP = 4 * 4  # pixels; the "mixed" layout keeps convolutions of such maps in NCHW
# oneDNN's backward pass of a strided 1x1 convolution in channels_last writes beyond its memory on CPUs with AVX-512:
# seen with torch 2.14 (oneDNN 3) from 1 to 15 input channels on maps of 46 pixels a side and more, never below 33.
NARROW = 16  # input channels
WIDE_MAP = 32  # pixels a side


def make_network(
    spec: ModelSpec, input_shape: tuple[int, int, int], classes: int, *, seed: int, settings: Settings
) -> nn.Module:
    """In train mode. Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.

    Raises:
        ValueError: as ``models.build.build``.
    """
    with seeded_default(seed, "initialization"):
        model = build(spec, input_shape=input_shape, classes=classes)
    if settings.memory_format != "nchw" and settings.torch_device.type == "cpu":
        fold_narrow_norms(model)
    # Two calls: torch's stubs know no .to with both.
    model = model.to(settings.torch_device).to(memory_format=settings.torch_memory_format)
    if settings.memory_format == "mixed":
        _keep_in_nchw(model, input_shape, lambda conv, height, width: height * width <= SMALL_MAP)
    if settings.memory_format != "nchw" and settings.torch_device.type == "cpu" and any(map(_crashes, model.modules())):
        _keep_in_nchw(model, input_shape, lambda conv, *sides: _crashes(conv) and max(sides) > WIDE_MAP)
    return model.train()


def _crashes(module: nn.Module) -> bool:
    """Whether a module is a convolution of the kind that crashes in channels_last, if its maps are large."""
    return (
        isinstance(module, nn.Conv2d)
        and max(module.kernel_size) == 1
        and max(module.stride) > 1
        and module.in_channels < NARROW
    )


def _keep_in_nchw(
    model: nn.Module, input_shape: tuple[int, int, int], chosen: Callable[[nn.Module, int, int], bool]
) -> None:
    """Run the convolutions in NCHW that ``chosen`` names by themselves and the sides of their maps.

    oneDNN's channels_last kernels lose on maps of a few pixels with many channels, and crash on others.
    """

    def note(conv: nn.Module, inputs: tuple[Tensor]) -> None:
        if chosen(conv, *inputs[0].shape[-2:]):
            found.append(conv)

    found: list[nn.Module] = []
    hooks = [m.register_forward_pre_hook(note) for m in model.modules() if isinstance(m, nn.Conv2d)]
    device = next(model.parameters()).device
    with torch.no_grad():
        model.eval()(torch.zeros(1, *input_shape, device=device))
    for hook in hooks:
        hook.remove()
    for conv in found:
        conv.to(memory_format=torch.contiguous_format)
        conv.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(),))
