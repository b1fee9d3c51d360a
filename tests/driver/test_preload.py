"""What the report needs is loaded while the last trials run."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hand_made import make_trial

from fitscape.study.driver import preload
from fitscape.study.driver.preload import Ahead
from fitscape.study.scheduling.events import Event, Message, TrialEnded


def test_it_loads_once_and_not_before_a_slot_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()
    times = []
    monkeypatch.setattr(preload, "_load", lambda: (times.append(1), loaded.set()))
    heard: list[Event] = []
    observer = Ahead(heard.append, left=5, slots=2)
    first, second, third, fourth, fifth = ends = [TrialEnded(make_trial({"lr": 0.1 * i})) for i in range(1, 6)]
    for end in (first, second, third):
        observer(end)
    assert not loaded.is_set(), "two trials are left for two slots"
    observer(fourth)
    assert loaded.wait(10)
    observer(fifth)
    observer(message := Message("a retry"))
    assert heard == [*ends, message]
    assert len(times) == 1


LOADING = """
import sys
from fitscape.study.driver.preload import _load
before = set(sys.modules)
_load()
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded & {"plotly", "matplotlib", "statsmodels"}))
"""


def test_what_a_report_takes_seconds_to_load_is_loaded() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", LOADING]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout == "['matplotlib', 'plotly', 'statsmodels']\n"
