"""Validation losses at the best and at the last epoch: the evidence for overfitting in time."""

from typing import Any

import torch

from fitscape.study.records import LatePair
from fitscape.study.training.evaluation import ImageResults


class BestEpoch:
    """Remembers half B's per-image results at the epoch that is best on half A by loss (Prechelt 1998).

    Chosen on A and compared on B, so that the choice does not flatter the comparison. Ties go to the earlier.
    """

    def __init__(self, val_half: torch.Tensor) -> None:
        self._half_b = ~val_half
        self._loss_a = float("inf")
        self._epoch = 0
        self._losses: list[float] = []
        self._wrong: list[bool] = []

    def update(self, epoch: int, validation: ImageResults) -> None:
        loss_a = validation.loss(~self._half_b)
        if loss_a < self._loss_a:
            self._loss_a, self._epoch = loss_a, epoch
            self._losses = validation.losses[self._half_b].tolist()
            self._wrong = validation.wrong[self._half_b].tolist()

    def pair(self, epoch: int, validation: ImageResults) -> LatePair | None:
        """The best epoch against this one; None where no epoch had a finite loss."""
        if self._epoch == 0:
            return None
        return LatePair(
            best_epoch=self._epoch,
            last_epoch=epoch,
            best_losses=tuple(self._losses),
            last_losses=tuple(validation.losses[self._half_b].tolist()),
            best_errors=tuple(self._wrong),
            last_errors=tuple(validation.wrong[self._half_b].tolist()),
        )

    def state_dict(self) -> dict[str, Any]:
        return {"loss_a": self._loss_a, "epoch": self._epoch, "losses": self._losses, "wrong": self._wrong}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._loss_a, self._epoch = state["loss_a"], state["epoch"]
        self._losses, self._wrong = state["losses"], state["wrong"]
