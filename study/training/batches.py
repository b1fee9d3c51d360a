"""Training batches cut from tensors that already lie on the device: no loader, no per-image Python."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.data import TrainSubset
from fitscape.study.training.settings import Settings


def pixel_statistics(subset: TrainSubset, weights: StartingWeights | None, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation float32 [C] that images are normalized by: the weights' own, else the subset's."""
    return (subset.mean, subset.std) if weights is None else weights.normalization(channels)


def make_normalize(statistics: tuple[Tensor, Tensor], settings: Settings) -> Callable[[Tensor], Tensor]:
    """uint8 [B, C, H, W] on the device -> float32 in the layout of the settings, by mean and standard deviation [C]."""
    device = settings.torch_device
    mean, std = (values.view(1, -1, 1, 1).to(device) for values in statistics)
    scale, shift = 1 / std, -mean / std

    def normalize(images: Tensor) -> Tensor:
        floats = images.to(torch.float32, memory_format=settings.torch_memory_format)
        return floats.mul_(scale).add_(shift)

    return normalize


class Batches:
    """An endless shuffled stream over a trial's subset.

    The incomplete batch at the end of a pass is dropped (batch norm cannot train on one image), unless the
    subset is smaller than a batch: then the whole subset is the batch. Each pass is shuffled anew, so what
    is dropped differs from pass to pass.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        indices: Tensor,
        *,
        batch_size: int,
        generator: torch.Generator,
    ) -> None:
        """``images``: uint8 [N, C, H, W], all of the training split; ``labels``, ``indices``: [n] of the subset."""
        self._images, self._labels, self._indices = images, labels, indices
        self._generator = generator
        self.size = min(batch_size, len(indices))
        self.per_pass = len(indices) // self.size
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0
        self._chosen = torch.arange(self.size, device=indices.device)

    def draw(self) -> tuple[Tensor, Tensor]:
        """The next batch: images uint8 [B, C, H, W] and labels int64 [B], on the device."""
        self.advance()
        return self.gather()

    def advance(self) -> None:
        """Choose the next batch."""
        if self._position + self.size > len(self._order):
            # Drawn on the CPU so that every device sees the same order; one small upload a pass.
            order = torch.randperm(len(self._indices), generator=self._generator)
            self._order = order.to(self._indices.device, non_blocking=True)
            self._position = 0
        self._chosen.copy_(self._order[self._position : self._position + self.size])
        self._position += self.size

    def gather(self) -> tuple[Tensor, Tensor]:
        """The chosen batch, as ``draw``. What says which it is keeps its place: a captured step reads it anew."""
        return self._images.index_select(0, self._indices[self._chosen]), self._labels[self._chosen]

    def state_dict(self) -> dict[str, Any]:
        """The pass under way; the generator is checkpointed by its owner."""
        return {"order": self._order.cpu(), "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._order = state["order"].to(self._indices.device)
        self._position = state["position"]
