"""The share of a card, from what was measured on one card of each kind."""

import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitscape.study.config import ResourceConfig, StudyConfig
from fitscape.study.scheduling import card_memory
from fitscape.study.scheduling.card_check import fraction
from fitscape.study.scheduling.card_memory import DataShape, Need, trial_request
from fitscape.study.scheduling.cards import LOGICAL, MIB, Card, CardState
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
        self.sound: dict[str, list[CardState]] = {}

    def usable(self) -> list[Node]:
        return [node for node in self._nodes if not self.aside.covers(node)]


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Need]:
    """What is measured on each node."""
    monkeypatch.delenv(LOGICAL, raising=False)
    found = {
        "nA100": Need(peak_mib=2_200, context_mib=800, free_mib=80_000, host_bytes=3 * GIB),
        "nL4": Need(peak_mib=2_200, context_mib=800, free_mib=23_000, host_bytes=3 * GIB),
        "nT4": Need(peak_mib=2_200, context_mib=800, free_mib=6_500, host_bytes=3 * GIB),
    }

    def on_worker(task: Any, request: Request, *arguments: Any, node_id: str) -> Need:
        assert len(pickle.dumps((task, arguments))) < 2**14, "shapes travel, not data"
        assert (task, request) == (card_memory.measure, Request(1, 1.0))
        return found[node_id]

    monkeypatch.setattr(card_memory, "on_worker", on_worker)
    return found


def request(
    *nodes: Node, trials: int = 10_000, memory: dict[str, list[float]] | None = None, **resources: Any
) -> tuple[Request, str, SomeCards]:
    """``memory``: MiB of the cards of a node, as its driver names them."""
    cluster: Any = SomeCards(*nodes)
    for node_id, sizes in (memory or {}).items():
        cluster.sound[node_id] = [CardState(Card(f"{node_id}-{i}", "card", size)) for i, size in enumerate(sizes)]
    config = StudyConfig(name="s", resources=ResourceConfig(**resources))
    found, text = trial_request(config, (config.base,), CIFAR, Settings(), cluster, trials=trials)
    return found, text, cluster


def test_as_many_share_a_card_as_fit_its_memory(needs: dict[str, Need]) -> None:
    found, text, _ = request(L4)
    assert found == Request(1, share(6), 3 * GIB, 800 * MIB)
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
    needs["nL4"] = Need(peak_mib=21_200, context_mib=800, free_mib=23_000, host_bytes=GIB, too_large=True)
    found, text, _ = request(L4)
    assert found.gpus == 1.0
    assert "each trial has a card to itself" in text


def test_a_trial_that_broke_its_process_s_card_is_named_and_others_get_cards_of_their_own(
    needs: dict[str, Need],
) -> None:
    needs["nL4"] = replace(needs["nL4"], fault="CUDA error: device-side assert triggered")
    found, text, _ = request(L4)
    assert found.per_card == 1
    assert "not measured, since a trial ended with: CUDA error: device-side assert triggered" in text


def test_what_was_asked_for_is_taken_as_ray_counts(needs: dict[str, Need]) -> None:
    assert request(L4, gpus_per_trial=0.3)[0] == Request(1, 0.3)
    assert request(L4, gpus_per_trial=1 / 7)[0].per_card == 7
    assert request(L4, gpus_per_trial=0)[0] == Request(1, 0)
    assert request()[0] == Request(1, 0), "a cluster without cards"


def test_a_limit_on_trials_at_once_spreads_them_over_the_cards(needs: dict[str, Need]) -> None:
    """Ray fills one card before it takes the next: four trials of a sixteenth would share one of four cards."""
    assert request(A100, max_concurrent=4)[0].per_card == 1
    assert request(A100, max_concurrent=12)[0].per_card == 3


def test_cards_of_one_type_and_two_sizes_are_two_kinds(needs: dict[str, Need]) -> None:
    """Ray labels an A100 of 40 and one of 80 GiB alike."""
    small = replace(A100, id="nL4", host="small")
    memory = {"nA100": [81_920.0] * 4, "nL4": [23_000.0] * 4}
    found, _, cluster = request(A100, small, trials=40, memory=memory)
    assert (found.per_card, cluster.aside.nodes, cluster.aside.kinds) == (5, {}, {})
    found, text, cluster = request(A100, small, memory=memory)
    assert found.per_card == 16
    assert (list(cluster.aside.nodes), cluster.aside.kinds) == (["nL4"], {}), "the other one has the same label"
    assert "A100 of 22 GiB left out" in text


def test_the_smallest_card_of_a_machine_decides_for_it(needs: dict[str, Need]) -> None:
    assert request(A100, memory={"nA100": [81_920.0, 23_000.0]})[0].per_card == 6


def test_one_trial_runs_where_ray_gives_out_less_memory_than_it_takes(needs: dict[str, Need]) -> None:
    small = replace(A100, memory=2 * GIB)
    found, _, cluster = request(small)
    assert found.memory == 2 * GIB
    assert sum(node.slots(found) for node in cluster.usable()) == 1


@given(st.floats(4_000, 190_000), st.floats(100, 60_000), st.floats(100, 3_000))
def test_a_process_may_take_what_was_measured_of_it_and_all_together_no_more_than_the_card(
    total: float, peak: float, context: float
) -> None:
    """A constant context made trials on small cards halve their batches beside memory that nobody used."""
    need = Need(peak_mib=peak, context_mib=context, free_mib=total, host_bytes=GIB)
    trials = min(16, need.fits)
    if trials > 1:
        allowed = fraction(share(trials), total * MIB, context * MIB) * total
        assert peak <= allowed
        assert allowed <= total / 2 / trials or trials * (allowed + context) <= total * 1.0001


def test_logical_gpus_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOGICAL, "4")
    assert request(L4)[0].gpus == 1.0
