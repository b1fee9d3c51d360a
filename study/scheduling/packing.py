"""How many trials fit on a card, a machine, a cluster. Arithmetic only: Ray is asked elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

UNIT = 10_000  # Ray counts GPUs in ten-thousandths
MOST_PER_CARD = 16  # trials; more only wait for one another
CARD_SHARE = 0.9  # of a card's memory that trials may fill
_SMALL = 1e-6


@dataclass(frozen=True)
class Request:
    """What one trial takes.

    Args:
        cpus: cores.
        gpus: of one card, at most 1.
        memory: bytes of the machine's memory; 0: nobody counts them.
        context: bytes of its share of a card that its process takes beside its allocator; 0: not measured.
    """

    cpus: float
    gpus: float
    memory: int = 0
    context: int = 0

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")

    @property
    def per_card(self) -> int:
        """Trials that share a card."""
        return UNIT // round(self.gpus * UNIT) if self.gpus else 0

    def bundle(self) -> dict[str, float]:
        """As Ray takes it."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory)}
        return {name: amount for name, amount in wanted.items() if amount}


def share(trials: int) -> float:
    """The part of a card that lets so many trials share it; rounded down as Ray counts, or one fewer would fit."""
    return UNIT // trials / UNIT


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive."""

    id: str
    host: str
    cpus: float
    gpus: float  # cards that trials may use
    kind: str = ""  # Ray's accelerator type of its cards
    memory: float = 0  # bytes that Ray gives out; 0: unknown

    def slots(self, request: Request) -> int:
        """How many trials fit at once. A trial never spans two cards, so that each card is counted by itself."""
        fits = int(self.cpus / request.cpus + _SMALL)
        if request.gpus:
            fits = min(fits, int(self.gpus) * request.per_card)
        if request.memory and self.memory:
            fits = min(fits, int(self.memory / request.memory))
        return fits


@dataclass
class SetAside:
    """What trials may not use, and why: found before the first trial, or while they run."""

    nodes: dict[str, str] = field(default_factory=dict)  # Ray's id of the node
    cards: dict[str, dict[str, str]] = field(default_factory=dict)  # id of the node -> UUID
    kinds: dict[str, str] = field(default_factory=dict)  # accelerator type

    def covers(self, node: Node) -> bool:
        """Whether the whole machine is set aside."""
        return node.id in self.nodes or (bool(node.kind) and node.kind in self.kinds)

    def card(self, uuid: str) -> bool:
        return any(uuid in cards for cards in self.cards.values())

    def attempt(self) -> dict[str, Any]:
        """What an attempt at a trial gets: where it is not to be placed, and which cards its process refuses."""
        uuids = sorted(uuid for cards in self.cards.values() for uuid in cards)
        return {"selector": self.selector(), "avoid": uuids}

    def selector(self) -> dict[str, str]:
        """As Ray's placement groups take it; empty where every machine may be used."""
        without = {"ray.io/node-id": self.nodes, "ray.io/accelerator-type": self.kinds}
        return {label: f"!in({','.join(sorted(names))})" for label, names in without.items() if names}


@dataclass(frozen=True)
class Packing:
    """How trials share cards, and which kinds of card they do without."""

    per_card: int
    slots: int
    left_out: tuple[str, ...] = ()  # accelerator types


def pack(
    nodes: Iterable[Node], fits: Mapping[str, int], *, cpus_per_trial: float, trials: int, host_memory: int = 0
) -> Packing:
    """The packing with most trials at once. All trials take one share, which the smallest kind that is used decides.

    Args:
        nodes: machines with cards.
        fits: kind of card -> trials whose memory fits on one; at least 1.
        cpus_per_trial: a machine's cores bound its trials too.
        trials: that are left to run. No card is given more than its part of them: two cards with two trials each train
            faster than one with four.
        host_memory: bytes of the machine's memory that one trial takes; 0: unknown.
    """
    nodes = [node for node in nodes if node.gpus >= 1]
    kinds = sorted({node.kind for node in nodes}, key=lambda kind: fits[kind], reverse=True)
    found = []
    for count in range(1, len(kinds) + 1):
        used = [node for node in nodes if node.kind in kinds[:count]]
        cards = sum(int(node.gpus) for node in used)
        most = max(1, min(MOST_PER_CARD, fits[kinds[count - 1]], -(-trials // cards)))
        for per_card in range(1, most + 1):
            request = Request(cpus_per_trial, share(per_card), host_memory)
            slots = sum(node.slots(request) for node in used)
            found.append(Packing(per_card, slots, tuple(kinds[count:])))
    # Among equals the fewest trials on a card, on the most cards.
    return max(found, key=lambda p: (p.slots, -p.per_card, -len(p.left_out)), default=Packing(1, 0))
