"""How a training loop of the user's own says what it measured, and what becomes a record of that."""

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from fitscape.study.measures.halves import drawn_halves
from fitscape.study.records import EpochRecord
from fitscape.study.training.own_data import OwnTrialData

Errors = Any  # a share of 0 to 1, or one true or false an image: whether it is classified wrongly
TRAIN_MODE = (
    "two evaluations of the training error after epoch {epoch} differ ({first:.4f} and {second:.4f}): it is measured "
    "in train mode, with dropout or augmentation; call model.eval() first and evaluate clean images"
)


class StopTrial(BaseException):
    """The trial is over, or is taken away: leave. It is no ``Exception``, so that ``except Exception`` lets it pass."""


class TrialFunction(Protocol):
    """What ``base.trial: my_loop.py:NAME`` names."""

    def __call__(self, params: dict[str, Any], data: OwnTrialData, report: "Report") -> object:
        """Train one model and call ``report`` after each epoch. What it returns is not looked at.

        Args:
            params: every hyperparameter by its name, those of ``base.model.keywords`` among them.
            data: what the trial may see.
            report: takes what was measured; see there.
        """


class Report:
    """Call it after each epoch.

    Attributes:
        epoch: the last one that has been reported; above 0 where the trial goes on from ``checkpoint``.
        checkpoint: what an earlier attempt gave last; None in the first, or where none was given.
    """

    def __init__(
        self,
        trial_id: str,
        data: OwnTrialData,
        hand_over: Callable[..., None],
        alive: Callable[[], None],
        epoch: int,
        saved: bytes | None,
    ) -> None:
        self._trial_id, self._data, self._hand_over, self._alive = trial_id, data, hand_over, alive
        self.epoch, self.checkpoint = epoch, saved
        self._since = time.perf_counter()

    def alive(self) -> None:
        """A sign of life, for epochs that take longer than ``resources.trial_timeout``."""
        self._alive()

    def __call__(
        self,
        *,
        train_error: Errors | Callable[[], Errors],
        val_error: Errors,
        train_n: int | None = None,
        val_n: int | None = None,
        epoch: int | None = None,
        train_loss: float | None = None,
        val_loss: float | None = None,
        checkpoint: bytes | Callable[[], bytes] | None = None,
    ) -> None:
        """Write an epoch down. Returns when the next one may begin.

        Args:
            train_error: of clean training images in eval mode, 0 to 1; or for each of them whether it is wrong; or a
                function that measures it: that is called twice after the first epoch, and a difference gives a message.
            val_error: of validation, in the same way; one value an image keeps its two halves apart, which are
                drawn from a share alone as if its errors had been dealt into them.
            train_n: images behind ``train_error``, the first of ``data.train_images``. None: as many as are given.
            val_n: images behind ``val_error``.
            epoch: from 1. None: the next.
            train_loss: mean cross-entropy. None: none is known.
            val_loss: of validation.
            checkpoint: bytes, or a function that makes them, with which a later attempt can go on.

        Raises:
            ValueError: an error outside of 0 to 1, a wrong number of images, or an epoch out of order.
            StopTrial: no further epoch is wanted.
        """
        seconds = time.perf_counter() - self._since
        due = self.epoch + 1
        if epoch is not None and epoch != due:
            raise ValueError(f"report: epoch {epoch} comes after epoch {self.epoch}; expected {due}")
        notices = []
        measure = train_error if callable(train_error) else None
        train_error = measure() if measure else train_error
        train = _share("train_error", train_error, train_n, len(self._data.train_labels))
        if measure and due == 1:
            again = _share("train_error", measure(), train_n, len(self._data.train_labels))
            if again[0] != train[0]:
                notices.append(TRAIN_MODE.format(epoch=due, first=train[0], second=again[0]))
        val = _share("val_error", val_error, val_n, len(self._data.val_labels))
        draws = np.random.default_rng([int(self._trial_id, 16), due])
        halves = _halves(val_error, *val, self._data, draws)
        record = self._record(due, train, val, halves, (train_loss, val_loss), seconds)
        self.epoch = due
        self._hand_over(record, checkpoint, tuple(notices))
        self._since = time.perf_counter()

    def _record(
        self,
        epoch: int,
        train: tuple[float, int],
        val: tuple[float, int],
        halves: tuple[float, float],
        losses: tuple[float | None, float | None],
        seconds: float,
    ) -> EpochRecord:
        train_loss, val_loss = losses
        unknown = float("nan")
        return EpochRecord(
            epoch=epoch,
            step=epoch,
            time=time.time(),
            train_loss=train_loss,
            train_error=train[0],
            val_loss=val_loss,
            val_error=val[0],
            train_n=train[1],
            val_n=val[1],
            val_loss_a=unknown,
            val_loss_b=unknown,
            val_error_a=halves[0],
            val_error_b=halves[1],
            batch_loss=unknown,
            learning_rate=unknown,
            train_seconds=seconds,
            eval_seconds=0.0,
            images_per_second=len(self._data.train_labels) / max(seconds, 1e-9),
            peak_memory_mib=unknown,
            flipped_n=int(self._data.flipped[: train[1]].sum()),
            val_n_a=int(self._data.val_half.sum()) if val[1] == len(self._data.val_labels) else 0,
        )


def _share(name: str, value: Errors, n: int | None, most: int) -> tuple[float, int]:
    """An error rate and the images behind it.

    Raises:
        ValueError: neither a share nor one value an image.
    """
    values = np.asarray(value, dtype=np.float64)
    if values.ndim > 1:
        raise ValueError(f"report: {name} has the shape {values.shape}; give a share, or one value per image")
    count = int(n) if n is not None else (len(values) if values.ndim else most)
    if values.ndim and len(values) != count:
        raise ValueError(f"report: {name} has {len(values)} values for {count} images")
    if not 1 <= count <= most:
        raise ValueError(f"report: {name} counts {count} images, and there are {most}")
    error = float(values.mean())
    if math.isfinite(error) and not 0 <= error <= 1:
        raise ValueError(f"report: {name} is {error:g}, and errors are shares of 0 to 1 (is it a percentage?)")
    return error, count


def _halves(value: Errors, error: float, n: int, data: OwnTrialData, rng: np.random.Generator) -> tuple[float, float]:
    """The error of halves A and B; of a share alone, which says nothing of them, drawn ones."""
    values = np.asarray(value, dtype=np.float64)
    in_a = data.val_half.numpy()
    if values.ndim and len(values) == len(in_a):
        return float(values[in_a].mean()), float(values[~in_a].mean())
    a = int(in_a.sum()) if n == len(in_a) else n - n // 2
    return drawn_halves(error, (a, n - a), rng)
