"""The gauges that a run sets, as a collector would read them."""

from pathlib import Path
from typing import Any

from hand_made import make_trial
from small_study import small_study

from fitscape.study.scheduling.events import Finished, MlflowBehind, Started, TrialEnded
from fitscape.study.scheduling.metrics import GAUGES, Metrics


class Gauge:
    values: dict[Any, float]

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.name, self.keys = name, set(tag_keys)
        assert description.endswith(".")

    def set(self, value: float, tags: dict[str, str]) -> None:
        assert set(tags) == self.keys
        assert tags["study"] == "small"
        self.values[self.name, tags.get("state")] = value


def test_a_run_sets_trials_by_state_the_decided_share_and_the_backlog(tmp_path: Path) -> None:
    Gauge.values = values = {}
    metrics = Metrics(small_study(tmp_path), Gauge)
    metrics(Started(20, 16))
    assert values["fitscape_trials", "finished"] == 13
    assert values["fitscape_trials", "failed"] == 1
    assert values["fitscape_trials_target", None] == 20
    assert 0 < values["fitscape_decided_share", None] <= 1
    metrics(TrialEnded(make_trial({})))
    metrics(MlflowBehind(7))
    assert values["fitscape_backlog_points", None] == 7
    metrics(Finished({"unshipped_points": 0}))
    assert values["fitscape_backlog_points", None] == 0
    assert {name for name, _ in values} == set(GAUGES)
