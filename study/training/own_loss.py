"""A training loss of the user's own."""

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from fitscape.models.reference import CodeReference

CROSS_ENTROPY = "cross_entropy"
IMAGES = 4  # of the batch that a loss is tried on


class LossFunction(Protocol):
    """What ``base.optimization.loss: my_losses.py:NAME`` names."""

    def __call__(self, logits: Tensor, labels: Tensor, /) -> Tensor:
        """The mean loss of a batch, a scalar.

        Args:
            logits: float32 [B, classes].
            labels: int64 [B].
        """


def loss_function(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of that name.

    Raises:
        ValueError: there is no such code.
    """
    return F.cross_entropy if name == CROSS_ENTROPY else CodeReference.parse(name).load()


def require_loss(name: str, classes: int) -> None:
    """Try a loss on made-up logits.

    Raises:
        ValueError: it raises, gives something else than a scalar, or no gradient.
    """
    logits = torch.randn(IMAGES, classes, requires_grad=True)
    try:
        loss = loss_function(name)(logits, torch.arange(IMAGES) % classes)
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"loss: {name} raised {type(error).__name__}: {first}") from error
    if not isinstance(loss, Tensor) or loss.shape != ():
        given = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"loss: {name} gives {given}; expected a scalar, the mean over the batch")
    if not loss.requires_grad:
        raise ValueError(f"loss: {name} gives no gradient")
