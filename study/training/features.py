"""A trial of the head alone trains on what the frozen layers before it make of each image, computed once.

Only where those layers give an image the same numbers in every step and in every evaluation: no augmentation, no
dropout, and every batch norm frozen with its layer.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fitscape.models.stages import head_name, stages
from fitscape.study.config import TrialConfig
from fitscape.study.data import augment
from fitscape.study.training.settings import Settings

FAMILIES = ("resnet", "plain", "densenet")  # whose head is the last thing that an image goes through


def can_be_kept(config: TrialConfig, model: nn.Module) -> bool:
    """Whether a trial of this network may train on kept features."""
    *before_head, _ = stages(model)
    return (
        config.model.family in FAMILIES
        and config.model.dropout == 0
        and config.optimization.freeze >= len(before_head)
        and augment.leaves_alone(config.data)
    )


def head(model: nn.Module) -> nn.Module:
    """The layer that the features go into."""
    return model.get_submodule(head_name(model))


def features(
    model: nn.Module,
    images: Tensor,
    chosen: Tensor | None = None,
    *,
    normalize: Callable[[Tensor], Tensor],
    settings: Settings,
    batch: int,
) -> Tensor:
    """float32 [n, F] that reach the head, of uint8 images [N, C, H, W] or the ``chosen`` ones; left in train mode."""
    chosen = torch.arange(len(images)) if chosen is None else chosen
    reached: list[Tensor] = []
    hook = head(model).register_forward_pre_hook(lambda _, inputs: reached.append(inputs[0].float()))
    model.eval()
    try:
        with torch.no_grad(), settings.autocast():
            for part in chosen.to(images.device).split(batch):
                model(normalize(images.index_select(0, part)))
    finally:
        hook.remove()
        model.train()
    return torch.cat(reached)
