"""How a broken card of a node is found among those that Ray hands out, and kept."""

from typing import Any

import pytest

from fitscape.study.scheduling import hold
from fitscape.study.scheduling.hold import Holds

NODE = 56 * "a"  # as Ray writes an id


class Node:
    """A node whose cards go to actors in the order in which they are free, as Ray's do.

    Args:
        free: cards, by UUID; one that is not there is in the placement group of a trial.
        declared: Ray's number of them.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: list[str], declared: int) -> None:
        self.free, self.declared, self.now = free, declared, 0.0
        self.actors: list[Any] = []
        self.killed: list[Any] = []
        monkeypatch.setattr(hold, "ray", self)
        monkeypatch.setattr(hold.time, "monotonic", lambda: self.now)
        self.exceptions = type("E", (), {"RayError": LookupError})

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": NODE, "Alive": True, "Resources": {"GPU": float(self.declared)}}]

    def remote(self, **request: Any) -> Any:
        node = self

        class Actor:
            def __init__(self) -> None:
                self.given: str | None = None
                self.card = self
                node.actors.append(self)

            def remote(self, logical: bool) -> "Actor":
                return self

        return lambda _: type("A", (), {"remote": Actor})

    def wait(self, answers: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        for actor in answers:
            if actor.given is None and self.free:
                actor.given = self.free.pop(0)
        return [actor for actor in answers if actor.given], []

    def get(self, actor: Any) -> str:
        return str(actor.given)

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)
        if actor.given:
            self.free.append(actor.given)

    @property
    def held(self) -> list[str]:
        return sorted(actor.given for actor in self.actors if actor.given and actor not in self.killed)


def test_one_turn_of_the_loop_finds_a_card_among_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for one after another, each would take the start of a process."""
    node = Node(monkeypatch, [f"GPU-{i}" for i in range(8)], 8)
    holds = Holds()
    holds.want(NODE, ["GPU-6"])
    assert holds.look() == []
    assert not holds.seeking
    assert node.held == ["GPU-6"]
    assert len(node.free) == 7


def test_a_card_that_another_trial_still_has_is_waited_for_and_then_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(monkeypatch, ["GPU-0", "GPU-1"], 3)
    holds = Holds()
    holds.want(NODE, ["GPU-2"])
    holds.look()
    assert holds.seeking
    node.now = hold.SEEKING_FOR + 1
    holds.look()
    assert not holds.seeking
    assert node.held == [], "good cards are for trials"

    holds.want(NODE, ["GPU-2"])  # a trial was placed on it, and has refused it
    node.free.append("GPU-2")
    holds.look()
    assert node.held == ["GPU-2"]


def test_a_card_whose_holder_has_died_is_held_again(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(monkeypatch, ["GPU-0"], 1)
    holds = Holds()
    holds.want(NODE, ["GPU-0"])
    holds.look()
    node.kill(node.actors[0])
    holds.want(NODE, ["GPU-0"])  # a worker was placed on it, and has refused it
    holds.look()
    assert node.held == ["GPU-0"]


def test_a_card_that_ray_does_not_hand_out_keeps_no_other_from_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(monkeypatch, ["GPU-0", "GPU-1"], 2)
    holds = Holds()
    holds.want(NODE, ["GPU-7"])
    assert holds.look() == [NODE]
    assert not holds.seeking
    assert node.held == []


def test_nothing_is_sought_on_a_node_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(monkeypatch, [], 0)
    holds = Holds()
    holds.want(NODE, ["GPU-0"])
    assert not holds.seeking
    assert not node.actors
