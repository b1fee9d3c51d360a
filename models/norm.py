"""The norm hyperparameter: batch, group or none."""

from torch import nn

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
