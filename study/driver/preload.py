"""What the end of a run needs, loaded while its last trials still run."""

import threading
from importlib import import_module

from fitscape.study.driver.background import Background
from fitscape.study.scheduling.events import Event, Observer, TrialEnded

# with statsmodels, matplotlib, plotly: two seconds
_PARTS = ("fitscape.study.opened", "fitscape.study.report.write")


class Ahead:
    """Passes everything on to an observer; once fewer trials are left than slots, loads what draws the report.

    From then on a slot, and so a core, has nothing to do.
    """

    def __init__(self, observer: Observer, *, left: int, slots: int) -> None:
        self._observer, self._left, self._slots = observer, left, slots
        self._lock = threading.Lock()
        self._loading: Background[None] | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialEnded):
            with self._lock:
                self._left -= 1
                if self._loading is None and self._left < self._slots:
                    self._loading = Background(_load)
        self._observer(event)


def _load() -> None:
    """An error here is dropped: it comes again, and is shown, where the report is drawn."""
    for part in _PARTS:
        import_module(part)
