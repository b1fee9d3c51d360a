"""One study from start to end: ``run``, ``resume``, and ``preflight`` for doctor.

Heavy parts are imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from study.scheduling.watching import Observer, Quiet

if TYPE_CHECKING:
    from study.driver.preflight import preflight as preflight
    from study.driver.start import resume as resume
    from study.driver.start import run as run

_HOMES = {"preflight": "preflight", "resume": "start", "run": "start"}

__all__ = ["Observer", "Quiet", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
