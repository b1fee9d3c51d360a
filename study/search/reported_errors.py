"""What a trial of anybody's Optuna study says of its errors: written by ``report_errors``, read by the sampler."""

import math
from typing import Final

import numpy as np
from optuna import Trial
from optuna.trial import FrozenTrial, TrialState

from fitscape.study.errors import UserError
from fitscape.study.maps.regime_map import OPTIONAL

ERRORS: Final = ("train_error", "val_error")
DIVERGED: Final = "diverged"


def report_errors(
    trial: Trial, train_error: float, val_error: float, *, train_n: int | None = None, val_n: int | None = None
) -> tuple[float, float]:
    """Write down a trial's last errors where ``RegimeSampler`` finds them, in a study of any directions.

    An error that is not finite marks the trial as diverged. Optuna fails a trial that returns one, which is right.

    Args:
        trial: that the objective was given.
        train_error: of clean training images in eval mode, 0 to 1 (``fitscape.log_clean_errors`` measures it).
        val_error: of validation images, 0 to 1.
        train_n: images behind the training error; None: their sampling noise is estimated with the seeds'.
        val_n: images behind the validation error; None: the same.

    Returns:
        Both errors, for an objective with two directions to return.

    Raises:
        UserError: an error outside of 0 to 1: a percentage, or an accuracy that was turned the wrong way.
    """
    errors = float(train_error), float(val_error)
    finite = all(map(math.isfinite, errors))
    for name, error in zip(ERRORS, errors, strict=True):
        if math.isfinite(error) and not 0 <= error <= 1:
            raise UserError(f"{error:g} is not an error rate", where=name, fix="give a share of 0 to 1")
    if finite:
        for name, error in zip(ERRORS, errors, strict=True):
            trial.set_user_attr(name, error)
    else:
        trial.set_user_attr(DIVERGED, True)
    for name, count in (("train_n", train_n), ("val_n", val_n)):
        if count is not None:
            trial.set_user_attr(name, int(count))
    return errors


def reported(trial: FrozenTrial, *, minimized: bool) -> tuple[float, ...] | None:
    """A row of Outcomes; None where the trial says nothing.

    Args:
        minimized: whether the study has two directions, both to minimize: its values are the errors then, where no
            attribute says them.
    """
    attributes = trial.user_attrs
    optional = [float(attributes.get(name) or 0) for name in OPTIONAL]
    if attributes.get(DIVERGED):
        return (np.nan, np.nan, True, *optional)
    if all(isinstance(attributes.get(name), int | float) for name in ERRORS):
        values = [attributes[name] for name in ERRORS]
        if not all(map(math.isfinite, values)):
            return (np.nan, np.nan, True, *optional)
    else:
        values = list(trial.values or []) if minimized else []
    if trial.state is not TrialState.COMPLETE or len(values) != 2 or not all(map(math.isfinite, values)):
        return None
    train, val = (min(max(float(value), 0.0), 1.0) for value in values)
    return (train, val, False, *optional)
