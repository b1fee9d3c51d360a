"""How large a study must be to tell an effect from nothing."""

import math
from typing import Final

from scipy.stats import norm

POWER: Final = 0.8
MOST: Final = 1e6  # units; no study is as large


def needed(sd: float, worth: float, alpha: float = 0.05) -> int | None:
    """Units of spread ``sd`` with which a mean of ``worth`` differs from 0 with 80 % power, two-sided at ``alpha``
    (Guenther 1981). None where ``worth`` is nothing.
    """
    if worth <= 0 or not math.isfinite(sd):
        return None
    z = float(norm.isf(alpha / 2))
    n = ((z + float(norm.ppf(POWER))) * sd / worth) ** 2 + z**2 / 2
    return max(3, math.ceil(n)) if n < MOST else None
