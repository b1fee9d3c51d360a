"""The norm hyperparameter: batch, group or none."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fitscape.models.spec import Norm

CHANNELS_PER_GROUP = 16  # the best of table 3 in Wu & He 2018


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """The layer that normalizes ``channels`` feature maps; the identity for ``none``.

    Batch: Ioffe & Szegedy 2015. Group: Wu & He 2018.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        return nn.GroupNorm(group_count(channels), channels)
    return nn.Identity()


def group_count(channels: int) -> int:
    """The most groups of equal size that have at least 16 channels each, or one group of all channels.

    Small groups are worse (Wu & He 2018, table 3), and on 1x1 maps a group of one channel is constant:
    it would normalize the signal away.
    """
    most = max(channels // CHANNELS_PER_GROUP, 1)
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)


def needs_bias(norm: Norm) -> bool:
    """Whether convolutions carry a bias: a norm layer brings its own shift, ``none`` does not."""
    return norm == "none"


def normalizes_single_values(model: nn.Module, image: Tensor) -> bool:
    """Whether a batch norm would have one value a channel of one image: torch refuses to train it on a batch of one.

    Args:
        model: left in eval mode.
        image: [1, C, H, W], on the model's device.
    """
    found = False

    def look(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        nonlocal found
        found |= inputs[0].numel() == inputs[0].shape[1]

    hooks = [m.register_forward_pre_hook(look) for m in model.modules() if isinstance(m, _BatchNorm)]
    if hooks:
        with torch.no_grad():
            model.eval()(image)
    for hook in hooks:
        hook.remove()
    return found
