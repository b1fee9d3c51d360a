"""What a network costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from fitscape.models.build import InputShape, blueprint
from fitscape.models.spec import ModelSpec
from fitscape.models.workarounds import Shapes


@lru_cache(maxsize=1024)
def measure(spec: ModelSpec, input_shape: InputShape, classes: int) -> tuple[int, int]:
    """Parameters and FLOPs of a network that need not exist: on the meta device, nothing is allocated or drawn.

    Raises:
        ValueError: as ``models.build.build``.
    """
    model = blueprint(spec, input_shape, classes)
    if spec.foreign:
        return _count_every_operation(model, torch.zeros(1, *input_shape, device=next(model.parameters()).device))
    with Shapes():
        return count(model, torch.zeros(1, *input_shape, device="meta"))


def count(model: nn.Module, image: Tensor) -> tuple[int, int]:
    """Parameters, and floating-point operations of one image's forward pass.

    FLOPs are 2 per multiply-add of convolutions and matrix products, nothing for norms, activations and pooling. (He
    et al. 2015, table 1, counts a multiply-add as one: its 1.8e9 are 3.6e9.) torch's ``FlopCounterMode`` gives the
    same number, but looks at every operation and loads torch's compiler: a second for the first network of a process.
    A foreign network multiplies elsewhere, too: ``measure`` counts it by that.

    Args:
        model: all of its multiplications are in ``nn.Conv2d`` and ``nn.Linear``; it is left as it was.
        image: [1, C, H, W], on the model's device.
    """
    flops = 0

    def add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal flops
        assert isinstance(layer.weight, Tensor)
        flops += 2 * output.numel() * layer.weight[0].numel()

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        with torch.no_grad(), _evaluating(model):
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(p.numel() for p in model.parameters()), flops


def _count_every_operation(model: nn.Module, image: Tensor) -> tuple[int, int]:
    """As ``count``, whatever the multiplications are in: products of matrices in attention, folded weights."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad(), _evaluating(model):
        model(image)
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops()


@lru_cache(maxsize=1024)
def activation_bytes(spec: ModelSpec, input_shape: InputShape, classes: int) -> int:
    """Bytes that one image's forward pass leaves for the backward pass in bf16, roughly: to rank networks by memory.

    Convolutions, linear layers and batch norms keep their input in bf16. Under autocast group norm works in fp32: it
    keeps a copy of its input, and what follows keeps its output, 4 bytes a value each.

    Raises:
        ValueError: as ``models.build.build``.
    """
    model = blueprint(spec, input_shape, classes)
    kept = 0

    def add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal kept
        kept += inputs[0].numel() * (8 if isinstance(layer, nn.GroupNorm) else 2)

    for layer in model.modules():
        if not list(layer.children()):
            layer.register_forward_hook(add)
    with torch.no_grad(), _evaluating(model), Shapes():
        model(torch.zeros(1, *input_shape, device=next(model.parameters()).device))
    return kept


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode, in which a forward pass changes no running statistics and draws no dropout."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
