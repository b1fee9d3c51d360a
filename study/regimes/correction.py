"""Correction of several p values for their number."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def holm(p: Array) -> Array:
    """[F] p values so that the chance of any wrong rejection stays below the level (Holm 1979): the smallest times
    their number, and so on, each at least as large as those before it."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected
