"""How a study stands, for Prometheus: gauges of Ray, which every node of a cluster exports on its metrics port."""

import time
from pathlib import Path
from typing import Any, Final

from fitscape.study.files import LEDGER
from fitscape.study.ledger import Ledger
from fitscape.study.records import Regime
from fitscape.study.scheduling.events import Event, Finished, MlflowBehind, Started, TrialEnded, TrialStarted

LABEL_SHARE: Final = 20  # labelling takes at most one part in 20 of the time
GAUGES: Final = {  # name -> what it says, and its tag beside the study's name
    "fitscape_trials": ("Trials by state.", ("state",)),
    "fitscape_trials_target": ("Trials that the study asks for.", ()),
    "fitscape_decided_share": ("Share of the labelled trials whose regime is decided.", ()),
    "fitscape_backlog_points": ("Metric points that MLflow has not got yet.", ()),
}


class Metrics:
    """An observer of a run that sets the gauges; it is used on a cluster, where somebody may collect them.

    Args:
        folder: of the study; its name is the tag ``study``.
        gauge: instead of ``ray.util.metrics.Gauge``.
    """

    def __init__(self, folder: Path, gauge: Any = None) -> None:
        self._folder, self._make = folder, gauge
        self._gauges: dict[str, Any] = {}
        self._label_after = 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._set("fitscape_trials_target", event.total)
                self._count()
            case TrialStarted() | TrialEnded():
                self._count()
            case Finished():
                self._label_after = 0.0
                self._count()
                self._set("fitscape_backlog_points", event.summary.get("unshipped_points", 0))
            case MlflowBehind():
                self._set("fitscape_backlog_points", event.points)

    def _count(self) -> None:
        with Ledger.open(self._folder / LEDGER, read_only=True) as ledger:
            counts = ledger.counts()
        for state, count in counts.items():
            self._set("fitscape_trials", count, state=state.value)
        begin = time.monotonic()
        if begin < self._label_after:
            return
        from fitscape.study.opened import open_study  # a second and more: not before the driver starts

        with open_study(self._folder) as study:
            regimes = [label.regime for label in study.labels.values()]
        if regimes:
            decided = sum(regime is not Regime.UNDECIDED for regime in regimes)
            self._set("fitscape_decided_share", decided / len(regimes))
        end = time.monotonic()
        self._label_after = end + LABEL_SHARE * (end - begin)

    def _set(self, name: str, value: float, **tags: str) -> None:
        if name not in self._gauges:
            if self._make is None:
                from ray.util.metrics import Gauge

                self._make = Gauge
            text, keys = GAUGES[name]
            self._gauges[name] = self._make(name, description=text, tag_keys=("study", *keys))
        self._gauges[name].set(value, tags={"study": self._folder.name, **tags})
