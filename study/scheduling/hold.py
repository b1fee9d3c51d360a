"""Keeps broken cards from trials: an actor of ours takes each, and does nothing with it.

A request to Ray cannot name a card. So an actor asks for each card of the node; the one that gets the broken card keeps
it, the others give theirs back.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray

from fitscape.study.scheduling.cards import LOGICAL, own
from fitscape.study.scheduling.packing import SetAside

# Seconds of a search, in which no further trial is handed out, so that a holder is placed before the trials. It takes
# as long as processes take to start, and longer only where a process of another trial is still on the card: that one
# keeps it from trials as well.
SEEKING_FOR = 30.0
NOT_HANDED_OUT = "its broken card is none of those that Ray hands out there"


class _Holder:
    """Holds the card that it is given, for as long as it lives."""

    def card(self, logical: bool) -> str:
        return own(logical).uuid


@dataclass
class _Node:
    wanted: set[str] = field(default_factory=set)  # UUIDs
    held: dict[str, Any] = field(default_factory=dict)  # UUID -> actor; good ones among them, for a moment
    coming: dict[Any, Any] = field(default_factory=dict)  # the answer -> the actor that waits for a card
    since: float = 0.0

    @property
    def lacking(self) -> set[str]:
        return self.wanted - self.held.keys()

    def keep(self, uuids: set[str]) -> None:
        """Give back every other card."""
        for actor in (*self.coming.values(), *(self.held.pop(uuid) for uuid in self.held.keys() - uuids)):
            ray.kill(actor)
        self.coming.clear()


class Holds:
    """Called from Tune's loop only, and never waits."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._logical = bool(os.environ.get(LOGICAL))

    @property
    def seeking(self) -> bool:
        """Whether a card that is wanted was not found yet."""
        return any(node.lacking for node in self._nodes.values())

    def want(self, node_id: str, uuids: Iterable[str]) -> None:
        """Take these cards of a node out of reach. None of them is held: a trial has just been on it, or none ever."""
        node = self._nodes.setdefault(node_id, _Node())
        for uuid in uuids:
            node.wanted.add(uuid)
            node.held.pop(uuid, None)
        node.since = time.monotonic()
        self._ask(node_id, node)

    def look(self) -> list[str]:
        """Take in what has come; the nodes of which every card came, and a wanted one was not among them."""
        in_vain = []
        for node_id, node in list(self._nodes.items()):
            if not node.lacking:
                continue
            for answer in ray.wait(list(node.coming), num_returns=len(node.coming), timeout=0)[0]:
                actor = node.coming.pop(answer)
                try:
                    node.held[ray.get(answer)] = actor
                except ray.exceptions.RayError:  # the node has gone, or its process could not start
                    self.drop(node_id)
                    break
            else:
                if not node.lacking:
                    node.keep(node.wanted)
                elif not node.coming:
                    self.drop(node_id)
                    in_vain.append(node_id)
                elif time.monotonic() - node.since > SEEKING_FOR:
                    node.wanted &= node.held.keys()
                    node.keep(node.wanted)
        return in_vain

    def drop(self, node_id: str) -> None:
        """Hold nothing of a node any more."""
        node = self._nodes.pop(node_id, None)
        if node is not None:
            node.keep(set())

    def close(self) -> None:
        """Give back every card."""
        for node_id in list(self._nodes):
            self.drop(node_id)

    def _ask(self, node_id: str, node: _Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id, soft=False)
        cards = _declared(node_id)
        if not cards:  # it has gone
            self.drop(node_id)
        for _ in range(cards - len(node.held) - len(node.coming)):
            actor = ray.remote(num_cpus=0, num_gpus=1, scheduling_strategy=there)(_Holder).remote()
            node.coming[actor.card.remote(self._logical)] = actor


@contextmanager
def held(aside: SetAside) -> Iterator[None]:
    """Within it the cards that are set aside are held, so that what is measured on a card runs on a sound one."""
    holds = Holds()
    try:
        for node_id, cards in aside.cards.items():
            holds.want(node_id, cards)
        while holds.seeking:
            aside.nodes.update(dict.fromkeys(holds.look(), NOT_HANDED_OUT))
            time.sleep(0.1)
        yield
    finally:
        holds.close()


def _declared(node_id: str) -> int:
    """Cards of a living node, as Ray counts them."""
    return next((int(n["Resources"].get("GPU", 0)) for n in ray.nodes() if n["NodeID"] == node_id and n["Alive"]), 0)
