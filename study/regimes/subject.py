"""What is labelled: a trial as it stood at one epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.regimes.replicates import finite

DIVERGED_EVALS: Final = 3


@dataclass(frozen=True)
class TrialAtEpoch:
    """A trial at the epoch that is labelled; ``record`` None: it has diverged."""

    trial: TrialRecord
    epochs: tuple[EpochRecord, ...]
    record: EpochRecord | None

    @property
    def epoch(self) -> int:
        return self.epochs[-1].epoch if self.epochs else 0


def subject_of(trial: TrialRecord, epoch: int | None, classes: int) -> TrialAtEpoch | None:
    if trial.state in (TrialState.PENDING, TrialState.FAILED):
        return None
    if epoch is None:
        if trial.state not in (TrialState.FINISHED, TrialState.DIVERGED):
            return None
        epochs, ended = trial.epochs, True
    else:
        epochs = tuple(e for e in trial.epochs if e.epoch <= epoch)
        ended = not epochs or epochs[-1].epoch < epoch
    if ended and trial.state is TrialState.DIVERGED:
        return TrialAtEpoch(trial, epochs, None)
    if not epochs or (epoch is not None and ended):
        return None
    return TrialAtEpoch(trial, epochs, None if diverged(epochs, classes) else epochs[-1])


def diverged(epochs: Sequence[EpochRecord], classes: int) -> bool:
    """Not a number; or three evaluations in a row with a training loss above twice that of guessing, in epochs whose
    own batches had a loss above that of guessing.

    The batches must agree: evaluations alone are also bad where batch norm's running averages lag behind the weights.
    """
    guessing, late = float(np.log(classes)), epochs[-DIVERGED_EVALS:]
    lost = all((e.train_loss or 0) > 2 * guessing and e.batch_loss > guessing for e in late)
    return not finite(epochs[-1]) or (lost and len(late) == DIVERGED_EVALS)
