"""Training errors that were logged in train mode: validation looks better than training, early on."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.regimes import rate

EARLY: Final = 1 / 3  # share of a curve that counts as early
LEAST_EPOCHS: Final = 3  # fewer show no course
DISTANCE: Final = 2.0  # standard errors of the difference by which validation must be better
SHARE: Final = 0.5  # of the runs that show it, from which all of the source is doubted
FLAG: Final = "train_mode"


def looks_logged_in_train_mode(epochs: Sequence[EpochRecord]) -> bool:
    """Whether most of the early epochs have a validation error that is clearly below the training error.

    Measured alike, a net does about as well on its training images as on others at first, and better later. Dropout,
    augmentation and averages over an epoch in which the weights still change raise the training error alone.
    """
    if len(epochs) < LEAST_EPOCHS:
        return False
    early = epochs[: max(1, round(EARLY * len(epochs)))]
    below = [_below(epoch) for epoch in early]
    return sum(below) > len(below) / 2


def _below(epoch: EpochRecord) -> bool:
    train, val = rate(epoch.train_error, epoch.train_n), rate(epoch.val_error, epoch.val_n)
    sampling = np.sqrt(train * (1 - train) / epoch.train_n + val * (1 - val) / epoch.val_n)
    return bool(train - val > DISTANCE * sampling)


def doubts(trials: Iterable[TrialRecord]) -> list[str]:
    """What is to be said about a source in which it shows; empty where it does not, or no run has a curve."""
    curves = [trial for trial in trials if len(trial.epochs) >= LEAST_EPOCHS]
    shown = sum(looks_logged_in_train_mode(trial.epochs) for trial in curves)
    if not shown:
        return []
    what = f"in {shown} of {len(curves)} runs with curves validation is better than training early on"
    why = "the training error looks measured in train mode (dropout, augmentation, averages over the epoch)"
    so = "it is too high then, and too few runs are called overfit"
    return [f"{what}: {why}; {so}"]
