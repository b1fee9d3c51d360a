"""Fitscape: maps where image classifiers underfit, fit well, overfit, degrade or diverge."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from study.opened import OpenStudy as OpenStudy
    from study.opened import open_study as open_study


def __getattr__(name: str) -> Any:
    """``study.open_study`` without its imports until it is used: the command must answer at once."""
    if name in ("OpenStudy", "open_study"):
        from study import opened

        return getattr(opened, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
