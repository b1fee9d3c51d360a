"""Which cards a machine has, and which of them are at fault."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_nvml import install

from fitscape.study.scheduling import cards as cards_module
from fitscape.study.scheduling import cluster as cluster_module
from fitscape.study.scheduling.cards import Card, cards, check, check_declared, check_one, from_json, own, used_mib
from fitscape.study.scheduling.cluster import count_gpus


@pytest.fixture(autouse=True)
def real_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cards_module.LOGICAL, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_cards_are_counted_by_uuid_slices_included(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()), ("GPU-b", ("MIG-1", "MIG-2")))
    assert [card.uuid for card in cards()] == ["GPU-a", "MIG-1", "MIG-2"]
    assert count_gpus() == 3
    assert cards()[0] == Card("GPU-a", "NVIDIA L4", 24 * 1024, "580.65")


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("1", ["GPU-b"]),
        ("1,0", ["GPU-b", "GPU-a"]),
        ("GPU-b", ["GPU-b"]),
        ("-1", []),
        ("", []),
        ("0,7,1", ["GPU-a"]),  # as CUDA: what follows a card that does not exist is not seen
        ("NoDevFiles", []),
    ],
)
def test_hidden_cards_do_not_count(monkeypatch: pytest.MonkeyPatch, visible: str, uuids: list[str]) -> None:
    install(monkeypatch, ("GPU-a", ()), ("GPU-b", ()))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [card.uuid for card in cards()] == uuids


def test_a_machine_without_a_driver_has_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, absent=True)
    assert cards() == []
    assert count_gpus() == 0


def test_a_card_that_fell_off_the_bus_is_listed_and_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()), ("GPU-b", ()), lost=1)
    assert [card.name for card in cards()] == ["NVIDIA L4", "card 1 (GPU is lost)"]


def test_what_the_driver_keeps_for_itself_is_nobody_s_use_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's total lacks it: counted as used, it was taken off each process's context, 616 MiB on an H200."""
    install(monkeypatch, ("GPU-a", ()))
    assert used_mib() == 1024


def test_logical_gpus_are_a_matter_of_one_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, absent=True)
    monkeypatch.setenv(cards_module.LOGICAL, "4")
    assert count_gpus() == 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert own(logical=True).uuid == "logical-2"
    assert [state.fault for state in from_json(check_declared(4, logical=True))] == [""] * 4


def test_a_check_runs_in_a_process_that_sees_that_card_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    def run(command: list[str], env: dict[str, str], **how: Any) -> Any:
        seen.append(env)
        assert how["timeout"] == cards_module.ENDS_WITHIN
        return subprocess.CompletedProcess(command, 0, json.dumps({"capability": "8.9", "fault": "", "fix": ""}), "")

    monkeypatch.setattr(subprocess, "run", run)
    found = check([Card("GPU-a", "NVIDIA L4", 23034, "580.65"), Card("GPU-b", "NVIDIA L4")])
    assert sorted(env["CUDA_VISIBLE_DEVICES"] for env in seen) == ["GPU-a", "GPU-b"]
    assert found[0].text == "NVIDIA L4 (driver 580.65, compute capability 8.9, 23034 MiB)"


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (subprocess.TimeoutExpired("x", 360), "gave no answer in 360 s"),
        (subprocess.CompletedProcess([], -11, "", "Fatal Python error: Segmentation fault"), "Segmentation fault"),
    ],
)
def test_a_card_that_hangs_or_crashes_its_check_is_at_fault(
    monkeypatch: pytest.MonkeyPatch, outcome: Any, fault: str
) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(subprocess, "run", run)
    assert fault in check([Card("GPU-a", "NVIDIA L4")])[0].fault


FAKE_TORCH = """
import time
time.sleep({importing})
class version: hip, cuda = None, "13.0"
class cuda:
    get_device_capability = staticmethod(lambda: time.sleep({beginning}) or (8, 9))
    get_arch_list = staticmethod(lambda: ["sm_89"])
class ones:
    def __init__(self, *_, **__): pass
    def __matmul__(self, other): return self
    def sum(self): return self
    def item(self): return 64.0
"""


@pytest.mark.parametrize(("importing", "beginning", "fault"), [(3.0, 0.0, ""), (0.0, 60.0, "ran no kernel in 1 s")])
def test_a_card_s_time_begins_when_torch_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, importing: float, beginning: float, fault: str
) -> None:
    """From a slow network disk the import takes minutes: every card of such a machine was left out."""
    (tmp_path / "torch.py").write_text(FAKE_TORCH.format(importing=importing, beginning=beginning))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(cards_module, "CHECK_WITHIN", 1.0)
    assert check([Card("GPU-a", "NVIDIA L4")])[0].fault == fault


def test_a_gpu_that_is_declared_and_not_there_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()))
    monkeypatch.setattr(cards_module, "_check", lambda card: cards_module.CardState(card, "8.9"))
    states = from_json(check_declared(2, logical=False))
    assert [state.fault for state in states] == ["", "Ray declares it, the machine has 1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # as Ray gives it to a process, which must know it for the same
    assert own(logical=False).uuid == states[1].card.uuid


def test_slices_that_ray_was_not_given_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself Ray counts the card that they are cut from."""
    install(monkeypatch, ("GPU-b", ("MIG-1", "MIG-2")))
    monkeypatch.setattr(cards_module, "_check", lambda card: cards_module.CardState(card, "9.0"))
    states = from_json(check_declared(1, logical=False))
    assert [(state.card.uuid, state.idle) for state in states] == [("MIG-1", False), ("MIG-2", True)]


def test_a_gpu_of_another_maker_or_without_a_driver_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real check, in a process of its own, on this machine, which has no card."""
    if torch.cuda.is_available():
        return
    install(monkeypatch, absent=True)
    (state,) = from_json(check_declared(1, logical=False))
    assert state.fault
    assert state.fix


def test_a_card_that_is_gone_from_the_list_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()))
    assert check_one("GPU-b") == "the driver no longer lists it"


def test_a_local_ray_hands_cards_on_by_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()), ("GPU-b", ("MIG-1", "MIG-2")))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert cluster_module.Cluster()._declared_gpus() == 2
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a,MIG-1"
