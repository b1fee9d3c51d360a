"""Keeps broken cards from trials: an actor of ours takes each, and does nothing with it.

A request to Ray cannot name a card. So whole cards of the node are asked for, one after another, until the broken one
is among them; good ones are given back once it is.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import ray

from fitscape.study.scheduling.cards import LOGICAL, own

SEEKING_FOR = 60.0  # seconds in which no further trial is handed out, so that a holder is placed before the trials


class _Holder:
    """Holds the card that it is given, for as long as it lives."""

    def card(self, logical: bool) -> str:
        return own(logical).uuid


@dataclass
class _Node:
    wanted: set[str] = field(default_factory=set)  # UUIDs
    held: dict[str, Any] = field(default_factory=dict)  # UUID -> actor; good ones among them, for a moment
    coming: tuple[Any, Any] | None = None  # the actor that waits for a card, and its answer
    since: float = 0.0

    @property
    def lacking(self) -> set[str]:
        return self.wanted - self.held.keys()


class Holds:
    """Called from Tune's loop only, and never waits."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._logical = bool(os.environ.get(LOGICAL))

    @property
    def seeking(self) -> bool:
        """Whether a card that is wanted was not found yet, and its search is young."""
        now = time.monotonic()
        return any(node.lacking and now - node.since < SEEKING_FOR for node in self._nodes.values())

    def want(self, node_id: str, uuids: Iterable[str]) -> None:
        """Take these cards of a node out of reach."""
        node = self._nodes.setdefault(node_id, _Node())
        node.wanted |= set(uuids)
        node.since = time.monotonic()
        self._ask(node_id, node)

    def look(self) -> None:
        """Take in what has come, and ask for the next."""
        for node_id, node in list(self._nodes.items()):
            if node.coming is None or not ray.wait([node.coming[1]], timeout=0)[0]:
                continue
            actor, answer = node.coming
            node.coming = None
            try:
                node.held[ray.get(answer)] = actor
            except ray.exceptions.RayError:  # the node has gone, or its process could not start
                self.drop(node_id)
                continue
            if node.lacking:
                self._ask(node_id, node)
            else:
                for uuid in node.held.keys() - node.wanted:
                    ray.kill(node.held.pop(uuid))

    def drop(self, node_id: str) -> None:
        """Hold nothing of a node any more."""
        node = self._nodes.pop(node_id, None)
        if node is not None:
            for actor in (*node.held.values(), *([node.coming[0]] if node.coming else [])):
                ray.kill(actor)

    def close(self) -> None:
        """Give back every card."""
        for node_id in list(self._nodes):
            self.drop(node_id)

    def _ask(self, node_id: str, node: _Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if node.coming is None and node.lacking:
            there = NodeAffinitySchedulingStrategy(node_id, soft=False)
            actor = ray.remote(num_cpus=0, num_gpus=1, scheduling_strategy=there)(_Holder).remote()
            node.coming = actor, actor.card.remote(self._logical)
