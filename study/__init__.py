"""Fitscape: maps where image classifiers underfit, fit well, overfit, degrade or diverge."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``study.open_study``, imported when it is first used: the command must answer at once."""
    if name == "open_study":
        return import_module("study.opened").open_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
