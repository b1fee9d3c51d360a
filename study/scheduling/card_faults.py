"""A card that fails under a trial: it is tried again, and kept from further trials where it is broken."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray

from fitscape.study.scheduling.cards import check_one
from fitscape.study.scheduling.cluster import Cluster, errand
from fitscape.study.scheduling.hold import NOT_HANDED_OUT, Holds

EPISODES = 3  # faults of a card that runs kernels again in between, of trials that have no culprit in common
REFUSALS = 8  # of a card that is set aside; then the whole node is
_FAULT = re.compile(r"CardFault: (\S+) on (\S+) (begun|refused): (.*)")


class CardFault(RuntimeError):
    """Raised in a worker; its text is all that reaches the driver.

    CUDA's errors are sticky: after one, every call of the process fails, and the process must end.
    """

    def __init__(self, uuid: str, stage: str, text: str) -> None:
        super().__init__(uuid, stage, text)
        self._node_id = ray.get_runtime_context().get_node_id()

    def __str__(self) -> str:
        uuid, stage, text = self.args
        return f"{uuid} on {self._node_id} {stage}: {text}"


@dataclass(frozen=True)
class Fault:
    """What the driver reads in a lost trial's error."""

    uuid: str
    node_id: str  # Ray's
    refused: bool  # before the trial began
    text: str

    @classmethod
    def read(cls, error: str) -> "Fault | None":
        found = _FAULT.search(error)
        return None if found is None else cls(found[1], found[2], found[3] == "refused", found[4].strip())


@dataclass
class _Check:
    """One look at a card. Faults that arrive meanwhile are the same one: under MPS all clients of a card fail."""

    node_id: str
    answer: Any
    text: str
    trials: list[str] = field(default_factory=list)


class CardFaults:
    """Called from Tune's loop only, and never waits.

    Args:
        cluster: cards that are set aside are written down in ``cluster.aside``.
        decided: called with the trial, and whether its card is broken, so that its attempt does not count.
        say: one sentence for a person.
        check: what a node runs to try a card again, and returns what is wrong with it; None: `cards.check_one`.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        decided: Callable[[str, bool], None],
        say: Callable[[str], None],
        check: Callable[[str], str] | None = None,
    ) -> None:
        self._cluster, self._decided, self._say, self._check = cluster, decided, say, check or check_one
        self._checks: dict[str, _Check] = {}
        self._episodes: defaultdict[str, list[set[str]]] = defaultdict(list)
        self._refusals: defaultdict[str, int] = defaultdict(int)
        self._holds = Holds()
        for node_id, cards in cluster.aside.cards.items():
            self._holds.want(node_id, cards)

    @property
    def settling(self) -> bool:
        """Whether a broken card is not yet out of reach: until it is, trials that are handed out may land on it."""
        return bool(self._checks) or self._holds.seeking

    def failed(self, trial_id: str, fault: Fault) -> None:
        """A trial's process has ended with this fault; `decided` is called now or later."""
        if fault.refused or self._cluster.aside.card(fault.uuid):
            self._refusals[fault.uuid] += 1
            if self._refusals[fault.uuid] == REFUSALS:
                self._set_node_aside(fault.node_id, f"trials kept being placed on its card {fault.uuid}: {fault.text}")
            elif fault.node_id not in self._cluster.aside.nodes:
                self._set_aside(fault.node_id, fault.uuid, fault.text)
            self._decided(trial_id, True)
            return
        check = self._checks.get(fault.uuid)
        if check is None:
            answer = errand(self._check, fault.node_id).remote(fault.uuid)
            check = self._checks[fault.uuid] = _Check(fault.node_id, answer, fault.text)
            self._say(f"card {fault.uuid}: {fault.text}; it is tried again")
        check.trials.append(trial_id)

    def look(self) -> None:
        """Take in the answers of nodes."""
        for uuid, check in list(self._checks.items()):
            if ray.wait([check.answer], timeout=0)[0]:
                del self._checks[uuid]
                self._conclude(uuid, check)
        for node_id in self._holds.look():
            self._set_node_aside(node_id, NOT_HANDED_OUT)

    def close(self) -> None:
        """Give back every card that is held."""
        self._holds.close()

    def _conclude(self, uuid: str, check: _Check) -> None:
        try:
            problem = ray.get(check.answer)
        except ray.exceptions.RayError:  # the node has gone too: so have its cards
            problem = None
        if self._cluster.aside.card(uuid):  # a trial that was placed on it meanwhile has been refused
            problem = check.text
        elif problem:
            self._set_aside(check.node_id, uuid, problem)
        elif problem == "" and self._unreliable(uuid, set(check.trials)):
            self._set_aside(check.node_id, uuid, f"failed {EPISODES} times under different trials: {check.text}")
            problem = check.text
        for trial_id in check.trials:
            self._decided(trial_id, problem != "")

    def _unreliable(self, uuid: str, trials: set[str]) -> bool:
        """A card that works again has failed before, and no trial was there each time that could have done it."""
        latest = self._episodes[uuid]
        latest.append(trials)
        return len(latest) >= EPISODES and not set.intersection(*latest[-EPISODES:])

    def _set_aside(self, node_id: str, uuid: str, why: str) -> None:
        """Take it out of reach; once more, where a trial was placed on it all the same."""
        if not self._cluster.aside.card(uuid):
            self._cluster.aside.cards.setdefault(node_id, {})[uuid] = why
            self._say(f"card {uuid} is set aside: {why}")
        self._holds.want(node_id, [uuid])

    def _set_node_aside(self, node_id: str, why: str) -> None:
        """Its card cannot be kept from trials by itself."""
        self._cluster.aside.nodes[node_id] = why
        self._holds.drop(node_id)
        self._say(f"node {node_id[:8]} is set aside: {why}")
