"""Shares, error rates and values as text."""

from typing import Any


def percent(share: float, digits: int = 1) -> str:
    """``4.2 %``; what is more than none is never 0, but ``below 0.1 %``."""
    least: float = 10.0**-digits
    return f"below {least:g} %" if 0 < 100 * share < least else f"{100 * share:.{digits}f} %"


def short(value: Any) -> str:
    """A hyperparameter's value with four digits at most."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
