"""Training time as an axis of the map: a few epochs of each run, evenly spaced in the logarithm."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import IntDistribution

POINTS = 7  # of one run; neighbouring epochs of a curve say nearly the same
MOST_ROWS = 1500  # of one map: its cost grows with their cube


def axis(total: int) -> IntDistribution:
    """The hyperparameter ``epoch`` of a space, for runs of up to ``total`` epochs."""
    return IntDistribution(1, total, log=True)


def log_spaced(last: int, points: int) -> NDArray[np.int_]:
    """Up to ``points`` epochs from 1 to ``last``, the last one among them."""
    return np.unique(np.rint(np.geomspace(1, last, points)).astype(int))


def thin(table: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """The rows (columns ``trial_id`` and ``epoch``) that a map is fitted on: log-spaced epochs of each run.

    With many runs each gives fewer, but never less than its first and last epoch.
    """
    runs = table["trial_id"].nunique()
    points = max(2, min(points, MOST_ROWS // max(runs, 1)))
    last = table.groupby("trial_id")["epoch"].transform("max")
    wanted = {end: set(log_spaced(int(end), points).tolist()) for end in last.unique()}
    keep = [epoch in wanted[end] for epoch, end in zip(table["epoch"], last, strict=True)]
    return table[keep].reset_index(drop=True)
