"""One optimizer step: from a drawn batch to new weights."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.study.training.loss import Loss
from fitscape.study.training.settings import Settings
from fitscape.study.training.shadow import ShadowWeights


class Gradients:
    """Forward and backward of one batch, in one piece or in two."""

    def __init__(
        self, model: nn.Module, settings: Settings, loss: Loss = F.cross_entropy, *, own: bool = False
    ) -> None:
        self._parameters = list(model.parameters())  # finding them at each step is 2 % of a small net's time
        self._settings = settings
        self._criterion, self._own = loss, own
        self._model = model
        lowered = settings.precision == "bf16" and settings.torch_device.type == "cuda"
        self._shadows = ShadowWeights(model) if lowered else None
        self.parts = 1

    def compute(self, images: Tensor, labels: Tensor) -> Tensor:
        """Leave the mean loss's gradient in ``.grad``; return that loss, detached, still on the device.

        Of a loss of the user's own the cross-entropy is returned in its place. Two parts give the same gradient but for
        batch norm, whose statistics are then of half a batch.
        """
        for parameter in self._parameters:
            parameter.grad = None
        total = torch.zeros((), device=images.device)
        for part, targets in zip(images.chunk(self.parts), labels.chunk(self.parts), strict=True):
            logits = self._logits(part)
            loss = self._criterion(logits, targets) * (len(part) / len(images))
            loss.backward()
            if self._shadows is not None:
                self._shadows.add_gradients()
            if self._own:  # which has a scale of its own
                loss = F.cross_entropy(logits.detach(), targets) * (len(part) / len(images))
            total += loss.detach()
        return total

    def _logits(self, images: Tensor) -> Tensor:
        with self._settings.autocast():
            if self._shadows is None:
                logits = self._model(images)
            else:
                with self._shadows.in_place():
                    logits = self._model(images)
        return logits.float()


class TrainingStep:
    """The parts of an optimizer step that a card can replay: nothing here depends on numbers that the host has.

    Args:
        load: the next batch's normalized images and labels, on the device.
        gradients: of the model that the optimizer changes.
        optimizer: with its learning rate set.
        device: of the model.
    """

    def __init__(
        self,
        load: Callable[[], tuple[Tensor, Tensor]],
        gradients: Gradients,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
    ) -> None:
        self._load, self.gradients, self._optimizer = load, gradients, optimizer
        self.total = torch.zeros((), device=device)  # of the batches' mean losses

    def backward(self) -> None:
        """Leave the next batch's gradient in ``.grad``, and add its loss to ``total``."""
        self.total += self.gradients.compute(*self._load())

    def update(self) -> None:
        """New weights from the gradient in place."""
        self._optimizer.step()

    def whole(self) -> None:
        """Both."""
        self.backward()
        self.update()
