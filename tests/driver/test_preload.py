"""What the report needs is loaded while the last trials run."""

import threading
from typing import Any

import pytest

from fitscape.study.driver import preload
from fitscape.study.driver.preload import Ahead
from fitscape.study.scheduling.events import Quiet


class Heard(Quiet):
    def __init__(self) -> None:
        self.said: list[Any] = []

    def on_trial_end(self, record: Any) -> None:
        self.said.append(record)

    def on_message(self, text: str) -> None:
        self.said.append(text)


def test_it_loads_once_and_not_before_a_slot_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()
    times = []
    monkeypatch.setattr(preload, "_load", lambda: (times.append(1), loaded.set()))
    observer = Heard()
    watching: Any = Ahead(observer, left=5, slots=2)
    for record in "abc":
        watching.on_trial_end(record)
    assert not loaded.is_set(), "two trials are left for two slots"
    watching.on_trial_end("d")
    assert loaded.wait(10)
    watching.on_trial_end("e")
    watching.on_message("told")
    assert observer.said == [*"abcde", "told"]
    assert len(times) == 1


def test_what_it_loads_is_there() -> None:
    preload._load()
