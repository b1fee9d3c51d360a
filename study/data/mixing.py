"""Training images mixed with others of their batch, with labels that are shares: mixup and cutmix, drawn per image."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Generator, Tensor

from fitscape.study.config import DataCondition
from fitscape.study.data.photo_augment import uniform

STEPS: Final = 1024  # of the table of quantiles that shares are drawn from

Mixing = Callable[[Tensor, Tensor, Generator], tuple[Tensor, Tensor]]


def mixing(condition: DataCondition, classes: int, device: torch.device) -> Mixing | None:
    """What a trial's condition asks for; None where that is nothing.

    It maps floats [B, C, H, W] and labels int64 [B] to images of the same shape and shares of the classes [B, K]. An
    image's partner is its neighbour in the batch, whose order is random. Where both are asked for, each image takes one
    of them with probability one half. Draws come from the generator alone, and are the same with any device's images.
    """
    if not condition.mixup and not condition.cutmix:
        return None
    tables = [_quantiles(alpha).to(device) for alpha in (condition.mixup, condition.cutmix)]

    def mix(images: Tensor, labels: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        blend, box = (_drawn(table, images, generator) for table in tables)
        share = _rectangles(images, box, generator) if condition.cutmix else torch.ones_like(images[:, :1])
        if condition.mixup:
            blended = blend.view(-1, 1, 1, 1).expand_as(share)
            both = condition.cutmix > 0
            chosen = (uniform(images, generator) < 0.5).view(-1, 1, 1, 1) if both else torch.ones_like(share).bool()
            share = torch.where(chosen, blended, share)
        kept = share.mean((1, 2, 3)).view(-1, 1)
        whole = torch.zeros(len(labels), classes, device=images.device).scatter_(1, labels[:, None], 1.0)
        return images * share + images.roll(1, 0) * (1 - share), whole * kept + whole.roll(1, 0) * (1 - kept)

    return mix


def _rectangles(images: Tensor, kept: Tensor, generator: Generator) -> Tensor:
    """1 where an image [B, 1, H, W] stays and 0 where its partner shows: a box of the other share of the area, its
    centre anywhere, cut off at the edge (Yun et al. 2019, section 3.1)."""
    half = (1 - kept).sqrt() / 2
    inside = []
    for size in images.shape[2:]:
        centre = uniform(images, generator)
        at = (torch.arange(size, device=images.device) + 0.5) / size
        inside.append((at - centre[:, None]).abs() < half[:, None])
    return 1.0 - (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(images.dtype)


def _drawn(table: Tensor, images: Tensor, generator: Generator) -> Tensor:
    """float32 [B] of the distribution whose quantiles the table holds, by the inverse of its distribution function."""
    at = uniform(images, generator) * STEPS
    below = at.long().clamp(max=STEPS - 1)
    return torch.lerp(table[below], table[below + 1], at - below)


def _quantiles(alpha: float) -> Tensor:
    """float32 [STEPS + 1] of Beta(alpha, alpha), from which mixup and cutmix draw (Zhang et al. 2018, section 2)."""
    if not alpha:
        return torch.ones(STEPS + 1)
    return torch.from_numpy(betaincinv(alpha, alpha, np.linspace(0, 1, STEPS + 1))).float()
