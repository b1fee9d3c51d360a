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
    with Shapes():
        return count(model, torch.empty(1, *input_shape, device="meta"))


def count(model: nn.Module, image: Tensor) -> tuple[int, int]:
    """Parameters, and floating-point operations of one image's forward pass.

    FLOPs are 2 per multiply-add of convolutions and matrix products, nothing for norms, activations and pooling. (He
    et al. 2015, table 1, counts a multiply-add as one: its 1.8e9 are 3.6e9.) torch's ``FlopCounterMode`` gives the
    same number, but looks at every operation and loads torch's compiler: a second for the first network of a process.

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


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode, in which a forward pass changes no running statistics and draws no dropout."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
