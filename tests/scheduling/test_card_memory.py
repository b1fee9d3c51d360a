"""The share of a card, from what was measured on one card of each kind."""

import pickle
from typing import Any

import pytest

from fitscape.study.config import ResourceConfig, StudyConfig
from fitscape.study.scheduling import card_memory
from fitscape.study.scheduling.card_memory import DataShape, Need, trial_request
from fitscape.study.scheduling.cards import LOGICAL
from fitscape.study.scheduling.packing import Node, Request, SetAside, share
from fitscape.study.training import Settings

GIB = 2**30
CIFAR = DataShape(image=(3, 32, 32), classes=10, train=40_000, validation=10_000, probe_size=2000)
A100, L4, T4 = (Node(f"n{kind}", kind, 64, 4, kind, 256 * GIB) for kind in ("A100", "L4", "T4"))


class SomeCards:
    """A cluster whose cards have been checked."""

    def __init__(self, *nodes: Node) -> None:
        self.aside, self.cards = SetAside(), [f"4 x NVIDIA {node.kind}" for node in nodes]
        self._nodes = nodes

    def usable(self) -> list[Node]:
        return [node for node in self._nodes if not self.aside.covers(node)]


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Need]:
    """What is measured on each node."""
    monkeypatch.delenv(LOGICAL, raising=False)
    found = {
        "nA100": Need(card_mib=3_000, free_mib=80_000, host_bytes=3 * GIB),
        "nL4": Need(card_mib=3_000, free_mib=23_000, host_bytes=3 * GIB),
        "nT4": Need(card_mib=3_000, free_mib=6_500, host_bytes=3 * GIB),
    }

    def on_worker(task: Any, request: Request, *arguments: Any, node_id: str) -> Need:
        assert len(pickle.dumps((task, arguments))) < 2**14, "shapes travel, not data"
        assert (task, request) == (card_memory.measure, Request(1, 1.0))
        return found[node_id]

    monkeypatch.setattr(card_memory, "on_worker", on_worker)
    return found


def request(*nodes: Node, trials: int = 10_000, **resources: Any) -> tuple[Request, str, SomeCards]:
    cluster: Any = SomeCards(*nodes)
    config = StudyConfig(name="s", resources=ResourceConfig(**resources))
    found, text = trial_request(config, (config.base,), CIFAR, Settings(), cluster, trials=trials)
    return found, text, cluster


def test_as_many_share_a_card_as_fit_its_memory(needs: dict[str, Need]) -> None:
    found, text, _ = request(L4)
    assert found == Request(1, share(6), 3 * GIB)
    assert text.startswith("trials run on 4 x NVIDIA L4; 6 trials share a card, the largest was measured at 3,000 MiB")


def test_a_kind_that_lowers_the_number_at_once_is_set_aside_and_named(needs: dict[str, Need]) -> None:
    found, text, cluster = request(A100, T4)
    assert found.per_card == 16
    assert list(cluster.aside.kinds) == ["T4"]
    assert "T4 left out" in text
    found, _, cluster = request(A100, L4, trials=40)
    assert (found.per_card, cluster.aside.kinds) == (5, {}), "both kinds hold all of 40 trials at once"


def test_a_card_holds_no_more_than_its_part_of_the_trials(needs: dict[str, Need]) -> None:
    assert request(A100, trials=8)[0].per_card == 2
    assert request(A100, trials=3)[0].per_card == 1


def test_a_machine_s_memory_bounds_its_processes(needs: dict[str, Need]) -> None:
    small = Node("nA100", "A100", 64, 4, "A100", 30 * GIB)
    found, _, cluster = request(small)
    assert sum(node.slots(found) for node in cluster.usable()) == 10


def test_a_trial_that_fills_a_card_has_it_to_itself(needs: dict[str, Need]) -> None:
    needs["nL4"] = Need(card_mib=22_000, free_mib=23_000, host_bytes=GIB, too_large=True)
    found, text, _ = request(L4)
    assert found.gpus == 1.0
    assert "each trial has a card to itself" in text


def test_what_was_asked_for_is_taken_as_ray_counts(needs: dict[str, Need]) -> None:
    assert request(L4, gpus_per_trial=0.3)[0] == Request(1, 0.3)
    assert request(L4, gpus_per_trial=1 / 7)[0].per_card == 7
    assert request(L4, gpus_per_trial=0)[0] == Request(1, 0)
    assert request()[0] == Request(1, 0), "a cluster without cards"


def test_logical_gpus_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOGICAL, "4")
    assert request(L4)[0].gpus == 1.0
