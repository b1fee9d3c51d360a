"""What avoids a slow corner of torch. Each entry says why it is here and in which version that was seen.

All keep a process from importing torch's compiler, ``torch._dynamo``: 1.4 s of each process that a study
starts, for a compiler that no trial on a CPU uses. Seen in torch 2.9 to 2.14. tests/models/test_workarounds.py has a
canary for each entry; it fails once torch no longer needs the entry, which is then to be deleted.

Two more take something else instead of torch's own and so have no code here: models/densenet.py is not torchvision's
class, because torchvision imports the compiler for ``roi_align``; models/size.py counts FLOPs by forward hooks, because
``FlopCounterMode`` loads it with the first operation it sees.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode


def to_empty(model: nn.Module) -> nn.Module:
    """``model.to_empty(device="cpu")``, which asks the meta device for each tensor's like: that loads the compiler."""
    return model._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu"))


def _bare(method: Any) -> Any:
    """A method of an optimizer without torch's wrapper, which loads the compiler only to keep it out."""
    return getattr(method, "__wrapped__", method)


class _Bare(torch.optim.Optimizer):
    """An optimizer that is never compiled itself; a compiled model does not reach into it."""

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)
    state_dict = _bare(torch.optim.Optimizer.state_dict)
    load_state_dict = _bare(torch.optim.Optimizer.load_state_dict)


class SGD(_Bare, torch.optim.SGD):
    """torch's, which a trial's process can use without torch's compiler."""

    step = torch.no_grad()(_bare(torch.optim.SGD.step))


class AdamW(_Bare, torch.optim.AdamW):
    """torch's, which a trial's process can use without torch's compiler."""

    step = torch.no_grad()(_bare(torch.optim.AdamW.step))


class Shapes(TorchFunctionMode):
    """Within it what our networks are made of gives a meta tensor of the right shape and does nothing else.

    For the meta device torch has these operations in Python, and loads its compiler for them.
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
