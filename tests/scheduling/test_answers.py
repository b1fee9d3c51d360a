"""Nodes that take long to answer are waited for, and said; those that never do are missing."""

import pytest
import ray

from fitscape.study.scheduling import answers as module
from fitscape.study.scheduling.answers import answers


class Nodes:
    """Answers by node, each after so many seconds; Ray's part of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **after: float) -> None:
        self._after, self.waited = after, 0.0
        monkeypatch.setattr(ray, "wait", self._wait)
        monkeypatch.setattr(ray, "get", self._get)

    def _wait(self, references: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        assert num_returns == len(references)
        self.waited += min(timeout, max(0.0, max(self._after.values()) - self.waited))
        ready = [name for name in references if self._after[name] <= self.waited]
        return ready, [name for name in references if name not in ready]

    def _get(self, reference: str) -> str:
        if reference == "gone":
            raise ray.exceptions.RayError
        return f"answer of {reference}"


def test_a_node_ten_times_slower_than_usual_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    Nodes(monkeypatch, a=4.0, b=100.0)
    assert answers({"a": "node 1", "b": "node 2"}, said.append) == {"node 1": "answer of a", "node 2": "answer of b"}
    assert said == ["1 of 2 nodes have not answered yet: they are waited for, 300 s at most"]


def test_a_node_that_is_silent_or_goes_away_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = Nodes(monkeypatch, a=4.0, silent=1e9, gone=1.0)
    assert answers(dict.fromkeys(["a", "silent", "gone"], "") | {"a": "node 1"}) == {"node 1": "answer of a"}
    assert nodes.waited == module.ANSWER_WITHIN


def test_what_comes_at_once_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    Nodes(monkeypatch, a=4.0)
    answers({"a": "node 1"}, said.append)
    assert said == []
    assert answers({}) == {}
