"""One study from start to end: ``run``, ``resume``, ``finish``, and ``preflight`` for doctor.

Heavy parts are imported when first used.
"""

from typing import TYPE_CHECKING

from fitscape.study.lazy import lazy
from fitscape.study.scheduling.events import Event, Observer

if TYPE_CHECKING:
    from fitscape.study.driver.preflight import preflight as preflight
    from fitscape.study.driver.replay import drawn_beside as drawn_beside
    from fitscape.study.driver.start import ask_to_finish as ask_to_finish
    from fitscape.study.driver.start import finish as finish
    from fitscape.study.driver.start import resume as resume
    from fitscape.study.driver.start import run as run

__getattr__, _lazy = lazy(
    {
        "ask_to_finish": "fitscape.study.driver.start",
        "drawn_beside": "fitscape.study.driver.replay",
        "finish": "fitscape.study.driver.start",
        "preflight": "fitscape.study.driver.preflight",
        "resume": "fitscape.study.driver.start",
        "run": "fitscape.study.driver.start",
    }
)
__all__ = ["Event", "Observer", *_lazy]
