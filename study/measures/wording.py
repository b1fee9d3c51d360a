"""Shares, error rates and values as text."""

import math
from collections.abc import Iterable
from typing import Any


def percent(share: float, digits: int = 1) -> str:
    """``4.2 %``; what is more than none is never 0, but ``below 0.1 %``."""
    least: float = 10.0**-digits
    return f"below {least:g} %" if 0 < 100 * share < least else f"{100 * share:.{digits}f} %"


def beside(value: float, others: Iterable[float]) -> str:
    """A number with the decimals of those that stand beside it, which are three digits of the largest: ``0.10`` beside
    ``1.26``."""
    largest = max((abs(one) for one in others if math.isfinite(one)), default=0.0)
    decimals = 2 - math.floor(math.log10(largest)) if largest else 2
    return f"{value:.3g}" if decimals > 6 else f"{value:,.{max(decimals, 0)}f}"


def short(value: Any) -> str:
    """A hyperparameter's value with four digits at most."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
