"""Row 29: trials that no node can run any more are waited for, but not for ever."""

from collections.abc import Iterator
from typing import Any

import pytest

from fitscape.study.scheduling import capacity
from fitscape.study.scheduling.capacity import Places
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request


class Shrinking:
    """A cluster that has one slot less at each look."""

    local = True

    def __init__(self, *slots: int) -> None:
        self._slots: Iterator[int] = iter(slots)
        self._last = 0

    def slots(self, request: Request) -> int:
        self._last = next(self._slots, self._last)
        return self._last


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(capacity.time, "monotonic", lambda: now[0])
    return now


def make(cluster: Any) -> Places:
    return Places(cluster, Request(1, 0), None)


def test_the_wait_is_said_once_and_bounded(clock: list[float]) -> None:
    interruption, where = Interruption(), make(Shrinking(2, 0))
    assert where.look(0, 9, interruption) == "waiting for a node that has 1 CPU, for 300 s at most"
    clock[0] = 299.0
    assert where.look(0, 9, interruption) == ""
    assert not interruption.requested
    clock[0] = 301.0
    where.look(0, 9, interruption)
    assert interruption.reason == "no node that can run a trial came back: it takes 1 CPU"


def test_a_node_that_comes_back_ends_the_wait(clock: list[float]) -> None:
    interruption, where = Interruption(), make(Shrinking(2, 0, 1, 0))
    where.look(0, 9, interruption)
    clock[0] = 290.0
    assert where.look(0, 9, interruption) == ""
    assert where.slots == 1
    clock[0] = 500.0
    assert where.look(0, 9, interruption).startswith("waiting"), "the wait begins anew"
    assert not interruption.requested


def test_running_trials_are_never_given_up_for_it(clock: list[float]) -> None:
    interruption, where = Interruption(), make(Shrinking(2, 0))
    where.look(2, 9, interruption)
    clock[0] = 1000.0
    assert where.look(2, 9, interruption) == ""
    assert not interruption.requested
