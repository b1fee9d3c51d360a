"""Training batches cut from tensors that lie on the device, or from a mapped file: no loader, no per-image Python."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fitscape.models.starting_weights import StartingWeights
from fitscape.study.data import TrainSubset
from fitscape.study.training.placement import upload
from fitscape.study.training.settings import Settings


def pixel_statistics(subset: TrainSubset, weights: StartingWeights | None, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation float32 [C] that images are normalized by: the weights' own, else the subset's."""
    return (subset.mean, subset.std) if weights is None else weights.normalization(channels)


def make_normalize(statistics: tuple[Tensor, Tensor], settings: Settings) -> Callable[[Tensor], Tensor]:
    """uint8 [B, C, H, W] -> float32 on the device in the layout of the settings, by mean and standard deviation [C]."""
    device = settings.torch_device
    mean, std = (values.view(1, -1, 1, 1).to(device) for values in statistics)
    scale, shift = 1 / std, -mean / std

    def normalize(images: Tensor) -> Tensor:
        floats = images.to(device).to(torch.float32, memory_format=settings.torch_memory_format)
        return floats.mul_(scale).add_(shift)

    return normalize


def make_batches(
    images: Tensor,
    labels: Tensor,
    indices: Tensor,
    *,
    batch_size: int,
    generator: torch.Generator,
    device: torch.device,
    resident: bool,
) -> "Batches":
    """A trial's stream, from images that are ``resident`` on the device, or mapped from a file; the rest on the CPU."""
    if not resident:
        return MappedBatches(images, labels, indices, batch_size=batch_size, generator=generator, device=device)
    on_device = upload(labels, device), upload(indices, device)
    return Batches(images, *on_device, batch_size=batch_size, generator=generator)


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


class MappedBatches(Batches):
    """The same stream over images that are mapped from a file: a thread gathers the next batch beside a step.

    Order, batches and checkpoints are those of ``Batches``. The first batch of a pass is gathered when it is asked
    for: what comes after the end of a pass is drawn only then.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        indices: Tensor,
        *,
        batch_size: int,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        """``images``: on the CPU, read-only; ``labels``, ``indices`` on the CPU; batches come on ``device``."""
        super().__init__(images, labels, indices, batch_size=batch_size, generator=generator)
        self._device, on_card = device, device.type == "cuda"
        self._pixels: np.ndarray[Any, Any] = images.numpy()
        shape = (self.size, *images.shape[1:])
        self._host = [torch.empty(shape, dtype=torch.uint8, pin_memory=on_card) for _ in range(2)]
        self._copied: list[torch.cuda.Event | None] = [None, None]
        self._turn = 0  # whose buffer the next batch lies in
        self._ahead: tuple[int, Future[None]] | None = None  # position of the batch that is gathered, in its pass
        self._thread = ThreadPoolExecutor(1, "fitscape-batches")
        # What a captured step reads keeps its place.
        self._batch = torch.empty(shape, dtype=torch.uint8, device=device) if on_card else self._host[0]
        self._batch_labels = torch.empty(self.size, dtype=torch.int64, device=device)

    def advance(self) -> None:
        super().advance()
        position = self._position - self.size
        turn, self._turn = self._turn, 1 - self._turn
        if self._ahead is not None and self._ahead[0] == position:
            self._ahead[1].result()
        else:
            self._wait_for_thread()
            self._fill(turn, self._chosen.clone())
        self._ahead = None
        if self._device.type == "cuda":
            self._batch.copy_(self._host[turn], non_blocking=True)
            self._copied[turn] = torch.cuda.Event()
            self._copied[turn].record()  # type: ignore[union-attr]
        else:
            self._batch = self._host[turn]
        self._batch_labels.copy_(self._labels[self._chosen])
        if self._position + self.size <= len(self._order):
            following = self._order[self._position : self._position + self.size]
            self._ahead = self._position, self._thread.submit(self._fill, self._turn, following)

    def gather(self) -> tuple[Tensor, Tensor]:
        return self._batch, self._batch_labels

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._wait_for_thread()
        super().load_state_dict(state)

    def _wait_for_thread(self) -> None:
        if self._ahead is not None:
            self._ahead[1].result()
            self._ahead = None

    def _fill(self, turn: int, chosen: Tensor) -> None:
        """Numpy copies outside Python's lock, in this thread alone."""
        if (event := self._copied[turn]) is not None:
            event.synchronize()
        rows = self._indices[chosen].numpy()
        np.take(self._pixels, rows, axis=0, out=self._host[turn].numpy(), mode="clip")
