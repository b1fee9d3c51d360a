"""What a network costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fitscape.models.build import InputShape, blueprint
from fitscape.models.spec import ModelSpec


@lru_cache(maxsize=1024)
def measure(spec: ModelSpec, input_shape: InputShape, classes: int) -> tuple[int, int]:
    """Parameters and FLOPs of a network that need not exist: on the meta device, nothing is allocated or drawn.

    Raises:
        ValueError: as ``models.build.build``.
    """
    model = blueprint(spec, input_shape, classes)
    with _Shapes():
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
    with torch.no_grad(), _evaluating(model), _Shapes():
        model(torch.empty(1, *input_shape, device="meta"))
    return kept


class _Shapes(TorchFunctionMode):
    """Within it what our networks are made of gives a meta tensor of the right shape and does nothing else.

    For the meta device torch has these operations in Python, and loads its compiler for them: 1.5 s of a process.
    """

    _KEEPING = (F.batch_norm, F.group_norm, F.relu, torch.Tensor.add_)

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.conv2d and isinstance(args[4], tuple):
            x, weight, _, stride, padding, dilation, _ = args
            sides = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
            return x.new_empty(len(x), len(weight), *(_side(*side) for side in sides))
        if function is F.max_pool2d and not kwargs["ceil_mode"]:
            x, window = args[0], (args[1], kwargs["stride"], kwargs["padding"], kwargs["dilation"])
            return x.new_empty(*x.shape[:2], *(_side(n, *window) for n in x.shape[2:]))
        if function is F.avg_pool2d and not args[4]:
            return args[0].new_empty(*args[0].shape[:2], *(_side(n, *args[1:4]) for n in args[0].shape[2:]))
        if function is F.adaptive_avg_pool2d and args[1] == 1:
            return args[0].new_empty(*args[0].shape[:2], 1, 1)
        if function is F.linear:
            return args[0].new_empty(*args[0].shape[:-1], len(args[1]))
        if function is torch.cat and len(args) == 2:
            parts, axis = args
            size = list(parts[0].shape)
            size[axis] = sum(part.shape[axis] for part in parts)
            return parts[0].new_empty(size)
        if function in self._KEEPING:
            return args[0]
        return function(*args, **kwargs)


def _side(pixels: int, kernel: int, step: int, pad: int, gap: int = 1) -> int:
    """Pixels a side after a convolution or pooling."""
    return (pixels + 2 * pad - gap * (kernel - 1) - 1) // step + 1


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode, in which a forward pass changes no running statistics and draws no dropout."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
