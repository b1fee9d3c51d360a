"""One study from start to end: ``run``, ``resume``, and ``preflight`` for doctor.

Heavy parts are imported when first used.
"""

from typing import TYPE_CHECKING

from fitscape.study.lazy import lazy
from fitscape.study.scheduling.events import Event, Observer

if TYPE_CHECKING:
    from fitscape.study.driver.preflight import preflight as preflight
    from fitscape.study.driver.start import resume as resume
    from fitscape.study.driver.start import run as run

__getattr__, _lazy = lazy(
    {
        "preflight": "fitscape.study.driver.preflight",
        "resume": "fitscape.study.driver.start",
        "run": "fitscape.study.driver.start",
    }
)
__all__ = ["Event", "Observer", *_lazy]
