"""One optimizer step."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.study.training.memory import TrialOutOfMemory, is_out_of_memory
from fitscape.study.training.settings import Settings


class Gradients:
    """Forward and backward of one batch, in one piece; in two once a batch has not fitted the device."""

    def __init__(self, model: nn.Module, settings: Settings) -> None:
        self._parameters = list(model.parameters())  # finding them at each step is 2 % of a small net's time
        self._settings = settings
        self._forward: Callable[[Tensor], Tensor] = torch.compile(model) if settings.compiled else model
        self.parts = 1

    def compute(self, images: Tensor, labels: Tensor) -> Tensor:
        """Leave the mean loss's gradient in ``.grad``; return that loss, detached, still on the device.

        Two parts give the same gradient but for batch norm, whose statistics are then of half a batch.

        Raises:
            TrialOutOfMemory: not even half a batch fits.
        """
        try:
            return self._accumulate(images, labels)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if self.parts > 1 or len(images) < 2:
                raise TrialOutOfMemory(f"oom: half a batch of {len(images)} does not fit: {error}") from error
        # Outside the except block, which would keep the failed step's activations alive.
        self.parts = 2
        if images.is_cuda:
            torch.cuda.empty_cache()
        return self.compute(images, labels)

    def _accumulate(self, images: Tensor, labels: Tensor) -> Tensor:
        for parameter in self._parameters:
            parameter.grad = None
        total = torch.zeros((), device=images.device)
        for part, targets in zip(images.chunk(self.parts), labels.chunk(self.parts), strict=True):
            with self._settings.autocast():
                logits = self._forward(part)
            loss = F.cross_entropy(logits.float(), targets) * (len(part) / len(images))
            loss.backward()
            total += loss.detach()
        return total
