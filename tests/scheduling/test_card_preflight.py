"""Cards that a study's precision keeps out, and whether those that are shared are shared side by side."""

import os
from pathlib import Path
from typing import Any

import pytest

from fitscape.study.config import ResourceConfig
from fitscape.study.driver.preflight import require
from fitscape.study.errors import UserError
from fitscape.study.scheduling import card_preflight
from fitscape.study.scheduling.card_preflight import leave_out_without_bf16, look_at_cards
from fitscape.study.scheduling.cards import Card, CardState, mps_runs
from fitscape.study.scheduling.packing import Node, SetAside


class Cards:
    """One machine for each list of compute capabilities, a card for each, and more that Ray was not given."""

    local = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *machines: list[str], mps: bool = False, idle: int = 0) -> None:
        self.aside, self.cards = SetAside(), []
        self.sound: dict[str, list[CardState]] = {}
        states = {
            f"n{i}": [CardState(Card(f"n{i}-{j}", f"card {c}"), c, mps=mps) for j, c in enumerate(machine)]
            for i, machine in enumerate(machines)
        }
        self._there = {name: len(cards) for name, cards in states.items()}
        for name, there in states.items():
            there += [CardState(Card(f"{name}-idle-{j}", "card"), idle=True) for j in range(idle)]
        monkeypatch.setattr(card_preflight, "_ask", lambda cluster, nodes, say: {n.id: states[n.id] for n in nodes})

    def usable(self) -> list[Node]:
        aside = self.aside.cards
        return [Node(name, name, 64, there - len(aside.get(name, ()))) for name, there in self._there.items()]


def look(cluster: Any, **resources: Any) -> list[Any]:
    return look_at_cards(cluster, ResourceConfig(**resources))


def test_bf16_is_refused_where_every_card_would_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A T4 says that it can do bf16."""
    with pytest.raises(UserError, match=r"Ray declares 2 GPU, and torch can use none"):
        require(look(Cards(monkeypatch, ["7.5", "7.5"]), precision="bf16"))


def test_bf16_leaves_out_the_cards_that_would_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cards(monkeypatch, ["7.5", "8.9"], ["7.5"])
    bad = [finding for finding in look(cluster, precision="bf16") if not finding.ok]
    assert [finding.what for finding in bad] == [
        "n0: card 7.5 (compute capability 7.5) is left out: " + card_preflight.NO_BF16,
        "n1: card 7.5 (compute capability 7.5) is left out: " + card_preflight.NO_BF16,
    ]
    assert not any(finding.fatal for finding in bad)
    assert [node.gpus for node in cluster.usable()] == [1, 0]


def test_cards_that_ray_was_not_given_are_named_with_how_to_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cards(monkeypatch, ["9.0"], idle=2)
    bad = [finding for finding in look(cluster) if not finding.ok]
    assert [finding.what for finding in bad] == ["n0: 2 of 3 cards stay idle: Ray was started to hand out 1"]
    assert bad[0].fix == ("start Ray there with CUDA_VISIBLE_DEVICES=n0-0,n0-idle-0,n0-idle-1 and --num-gpus=3")
    assert cluster.cards == ["1 x card 9.0 (compute capability 9.0)"]


def test_training_on_the_cpu_beside_cards_that_ray_was_not_given_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(Cards(monkeypatch, [], idle=1))
    assert [(finding.what, finding.ok, finding.fatal) for finding in found] == [
        ("trials train on the CPU: Ray hands out no card", True, True),
        ("n0: 1 of 1 cards stay idle: Ray was started to hand out 0", False, False),
    ]


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_other_precisions_use_every_card(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    cluster = Cards(monkeypatch, ["7.5", "8.9"])
    assert all(finding.ok for finding in look(cluster, precision=precision))
    assert cluster.aside.cards == {}


def test_once_bf16_was_measured_on_one_card_the_others_without_it_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cards(monkeypatch, ["9.0"], ["7.5"])
    look(cluster)
    (found,) = leave_out_without_bf16(cluster)  # type: ignore[arg-type]
    assert not found.fatal
    assert list(cluster.aside.cards) == ["n1"]

    cluster = Cards(monkeypatch, ["7.5"])  # of a study that began elsewhere
    look(cluster)
    with pytest.raises(UserError, match="no card has bf16 units"):
        require(leave_out_without_bf16(cluster))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capability", "bf16", "tf32"),
    [("7.5", False, False), ("8.0", True, True), ("12.0", True, True), ("", True, False)],
)
def test_what_a_card_computes_with(capability: str, bf16: bool, tf32: bool) -> None:
    state = CardState(Card("GPU-a", "card"), capability)
    assert (state.bf16, state.tf32) == (bf16, tf32)


@pytest.mark.parametrize(
    ("resources", "mps", "told"),
    [
        ({}, True, ["NVIDIA MPS runs: trials that share a card run side by side"]),
        ({}, False, [f"NVIDIA MPS does not run on n0: {card_preflight.TURNS}"]),
        ({"gpus_per_trial": 0.25}, False, [f"NVIDIA MPS does not run on n0: {card_preflight.TURNS}"]),
        ({"gpus_per_trial": 1}, False, []),
    ],
)
def test_whether_shared_cards_are_shared_side_by_side_is_said(
    monkeypatch: pytest.MonkeyPatch, resources: dict[str, Any], mps: bool, told: list[str]
) -> None:
    found = look(Cards(monkeypatch, ["8.9"], mps=mps), **resources)
    assert all(finding.ok for finding in found)
    assert [finding.what for finding in found if "MPS" in finding.what] == told


def test_mps_is_at_work_where_its_process_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert not mps_runs()
    number = tmp_path / "nvidia-cuda-mps-control.pid"
    for written, runs in (
        (str(os.getpid()), True),
        ("4194304000", False),
        ("", False),
        ("99999999999999999999", False),
    ):
        number.write_text(written)
        assert mps_runs() is runs, written
