"""A step as one launch: captured in a CUDA graph, from augmentation to optimizer."""

from collections.abc import Sequence

import torch

from fitscape.study.training.card import CardPool
from fitscape.study.training.step import TrainingStep


class CapturedStep:
    """Replays a ``TrainingStep``, whole, or in two launches where the gradient is looked at in between.

    Each replay reads and changes the same memory that the step itself would: weights, optimizer state, generators,
    the batch's indices and the learning rate all lie on the card.
    """

    def __init__(self, step: TrainingStep, card: CardPool, generators: Sequence[torch.Generator]) -> None:
        """
        Raises:
            RuntimeError: the step cannot be captured.
            torch.OutOfMemoryError: it does not fit.
        """
        self.whole = card.capture(step.whole, generators)
        self.backward = card.capture(step.backward, generators)
        self.update = card.capture(step.update, ())  # reads the gradients that ``backward`` has left in place
