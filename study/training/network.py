"""The net of a trial, drawn from its own seed and placed on its device in the layout of the settings."""

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.training.folded_norm import fold_narrow_norms
from fitscape.study.training.randomness import seeded_default
from fitscape.study.training.settings import Settings

SMALL_MAP = 4 * 4  # pixels; the "mixed" layout keeps convolutions of such maps in NCHW
# oneDNN's backward pass of a strided 1x1 convolution of few channels in channels_last writes beyond its memory
# (uxlfoundation/oneDNN issue 6035; torch 2.14). With AVX-512 it was seen from 1 to 15 input channels on maps of 46
# pixels a side and more, and gradients were right below that; with AVX2 it crashes on maps of any size.
NARROW = 16  # input channels
WIDE_MAP = 32  # pixels a side that are safe with AVX-512


def make_network(
    spec: ModelSpec,
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    seed: int,
    settings: Settings,
    start: Callable[[nn.Module], object] | None = None,
) -> nn.Module:
    """In train mode. Drawn on the CPU whatever the device, so that a seed means the same weights everywhere.

    Args:
        start: puts other weights in the place of those that were drawn.

    Raises:
        ValueError: as ``models.build.build``, or by ``start``.
    """
    with seeded_default(seed, "initialization"):
        model = build(spec, input_shape=input_shape, classes=classes)
    if start is not None:
        start(model)
    if settings.memory_format != "nchw" and settings.torch_device.type == "cpu":
        fold_narrow_norms(model)
    # Two calls: torch's stubs know no .to with both.
    model = model.to(settings.torch_device).to(memory_format=settings.torch_memory_format)
    _keep_counters_on_the_cpu(model)
    if settings.memory_format == "mixed":
        _keep_in_nchw(model, input_shape, lambda conv, height, width: height * width <= SMALL_MAP)
    if settings.memory_format != "nchw" and settings.torch_device.type == "cpu" and any(map(_crashes, model.modules())):
        _keep_in_nchw(model, input_shape, lambda conv, *sides: _crashes(conv) and max(sides) > _safe_map())
    return model.train()


def _keep_counters_on_the_cpu(model: nn.Module) -> None:
    """Batch norms count their batches, and no number depends on it: on a card that is one launch a layer and step."""
    for module in model.modules():
        if isinstance(module._buffers.get("num_batches_tracked"), Tensor):
            module._buffers["num_batches_tracked"] = module._buffers["num_batches_tracked"].cpu()  # type: ignore[union-attr]


def _safe_map() -> int:
    """Pixels a side up to which such a convolution is sound in channels_last on this CPU."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "ALL"
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return WIDE_MAP if wide and limit.upper().startswith(("ALL", "DEFAULT", "AVX512", "AVX10")) else 0


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
