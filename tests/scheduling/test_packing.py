"""How many trials fit, on paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitscape.study.scheduling.packing import UNIT, Node, Request, SetAside, pack, share

GIB = 2**30


@pytest.mark.parametrize(
    ("cpus", "gpus", "request_", "slots"),
    [
        (16, 4, Request(1, 0.25), 16),
        (4, 4, Request(1, 0.25), 4),
        (16, 0, Request(1, 0.25), 0),
        (3, 0, Request(2, 0), 1),
        (0, 0, Request(1, 0), 0),  # a head without trials
        (8, 1, Request(1, share(3)), 3),
        (16, 4, Request(1, 0.3), 12),  # three on each card, and no thirteenth on what is left of four
        (16, 4, Request(1, 0.6), 4),
        (16, 1, Request(0.1, share(7)), 7),
        (64, 2, Request(1, share(16)), 32),
        (4, 1, Request(0.25, share(16)), 16),  # a card's trials need less than a core each
        (2, 0, Request(0.1, 0), 20),
    ],
)
def test_slots_of_a_node(cpus: float, gpus: float, request_: Request, slots: int) -> None:
    assert Node("id", "host", cpus, gpus).slots(request_) == slots


def test_a_machine_s_memory_is_a_limit_too() -> None:
    node = Node("id", "host", 64, 4, memory=40 * GIB)
    assert node.slots(Request(1, 0.25, 4 * GIB)) == 10
    assert Node("id", "host", 64, 4).slots(Request(1, 0.25, 4 * GIB)) == 16, "unknown memory limits nothing"


@given(st.integers(1, 16))
def test_a_share_lets_that_many_trials_on_a_card(trials: int) -> None:
    """Ray rounds to ten-thousandths: seven times 1/7 would be 1.0003 of a card."""
    assert Request(1, share(trials)).per_card == trials
    assert trials * round(share(trials) * UNIT) <= UNIT


def nodes(*kinds: tuple[str, int], cpus: float = 64) -> list[Node]:
    return [Node(f"{kind}-{i}", "host", cpus, cards, kind) for i, (kind, cards) in enumerate(kinds)]


def test_the_smallest_kind_that_is_used_decides() -> None:
    packing = pack(nodes(("A100", 2), ("L4", 2)), {"A100": 12, "L4": 8}, cpus_per_trial=1, trials=1000)
    assert (packing.per_card, packing.slots, packing.left_out) == (8, 32, ())


def test_a_kind_that_lowers_the_total_is_left_out() -> None:
    packing = pack(nodes(("A100", 4), ("T4", 1)), {"A100": 12, "T4": 2}, cpus_per_trial=1, trials=1000)
    assert (packing.per_card, packing.slots, packing.left_out) == (12, 48, ("T4",))


@pytest.mark.parametrize(("cpus_per_trial", "per_card"), [(1.0, 4), (0.5, 8), (0.25, 16), (0.1, 16)])
def test_a_part_of_a_core_for_each_trial_fills_the_card(cpus_per_trial: float, per_card: int) -> None:
    packing = pack(nodes(("H200", 1), cpus=4), {"H200": 16}, cpus_per_trial=cpus_per_trial, trials=1000)
    assert (packing.per_card, packing.slots) == (per_card, per_card)


def test_no_card_holds_more_than_its_part_of_the_trials() -> None:
    packing = pack(nodes(("L4", 4)), {"L4": 16}, cpus_per_trial=1, trials=6)
    assert packing.per_card == 2
    assert pack(nodes(("L4", 4)), {"L4": 16}, cpus_per_trial=1, trials=3).per_card == 1


def test_cores_and_memory_keep_trials_from_a_card() -> None:
    assert pack(nodes(("L4", 1), cpus=4), {"L4": 16}, cpus_per_trial=1, trials=99).per_card == 4
    assert pack(nodes(("L4", 1), cpus=4), {"L4": 16}, cpus_per_trial=0.5, trials=99).per_card == 8
    small = [Node("id", "host", 64, 1, "L4", memory=10 * GIB)]
    assert pack(small, {"L4": 16}, cpus_per_trial=1, trials=99, host_memory=3 * GIB).per_card == 3


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 16)), min_size=1, max_size=4),
    st.integers(1, 200),
    st.integers(1, 64),
)
def test_no_other_packing_runs_more_at_once(machines: list[tuple[int, int]], trials: int, cpus: int) -> None:
    kinds = {str(i): fits for i, (_, fits) in enumerate(machines)}
    there = nodes(*((str(i), cards) for i, (cards, _) in enumerate(machines)), cpus=cpus)
    packing = pack(there, kinds, cpus_per_trial=1, trials=trials)
    used = [node for node in there if node.kind not in packing.left_out]
    assert packing.slots == sum(node.slots(Request(1, share(packing.per_card))) for node in used)
    assert all(kinds[node.kind] >= packing.per_card for node in used)
    cards = sum(node.gpus for node in used)
    assert packing.per_card <= max(1, -(-trials // cards))
    one_each = sum(min(node.cpus, node.gpus) for node in there)
    assert packing.slots >= min(one_each, trials)


def test_what_is_set_aside_is_named_to_ray() -> None:
    aside = SetAside(nodes={"b": "x", "a": "y"}, cards={"c": {"GPU-1": "broken"}}, kinds={"T4": "small"})
    assert aside.attempt() == {
        "selector": {"ray.io/node-id": "!in(a,b)", "ray.io/accelerator-type": "!in(T4)"},
        "avoid": ["GPU-1"],
    }
    assert aside.covers(Node("a", "h", 1, 0))
    assert aside.covers(Node("z", "h", 1, 1, "T4"))
    assert not aside.covers(Node("z", "h", 1, 0))
    assert SetAside().attempt() == {"selector": {}, "avoid": []}
