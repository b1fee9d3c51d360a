"""Which cards a machine has, and what the check of one says."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from fitscape.study.config import ResourceConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling import cards as cards_module
from fitscape.study.scheduling import cluster as cluster_module
from fitscape.study.scheduling import heartbeat
from fitscape.study.scheduling.card_check import is_full, keep_to, look, supported
from fitscape.study.scheduling.cards import Card, cards, check, check_declared, check_one, from_json, own
from fitscape.study.scheduling.cluster import available_cpus, count_gpus, require_one_card, require_resources


class FakeNvml(ModuleType):
    """NVML with cards that are tuples: a UUID, and the UUIDs of its slices."""

    class NVMLError(Exception):
        pass

    def __init__(self, *there: tuple[str, tuple[str, ...]], lost: int | None = None, absent: bool = False) -> None:
        super().__init__("pynvml")
        self._there, self._lost, self._absent = there, lost, absent

    def nvmlInit(self) -> None:
        if self._absent:
            raise self.NVMLError("NVML Shared Library Not Found")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.65"

    def nvmlDeviceGetCount(self) -> int:
        return len(self._there)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        if index == self._lost:
            raise self.NVMLError("GPU is lost")
        return self._there[index]

    def nvmlDeviceGetMigMode(self, handle: Any) -> list[int]:
        if not handle[1]:
            raise self.NVMLError("Not Supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        if index >= len(handle[1]):
            raise self.NVMLError("Not Found")
        return (handle[1][index], ())

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        return SimpleNamespace(total=24 * 2**30, used=2**30)

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        return str(handle[0])

    def nvmlDeviceGetName(self, handle: Any) -> str:
        return "NVIDIA L4"


@pytest.fixture(autouse=True)
def real_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cards_module.LOGICAL, raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def install(monkeypatch: pytest.MonkeyPatch, *there: tuple[str, tuple[str, ...]], **how: Any) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*there, **how))


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
        assert how["timeout"] == 60
        return subprocess.CompletedProcess(command, 0, json.dumps({"capability": "8.9", "fault": "", "fix": ""}), "")

    monkeypatch.setattr(subprocess, "run", run)
    found = check([Card("GPU-a", "NVIDIA L4", 23034, "580.65"), Card("GPU-b", "NVIDIA L4")])
    assert sorted(env["CUDA_VISIBLE_DEVICES"] for env in seen) == ["GPU-a", "GPU-b"]
    assert found[0].text == "NVIDIA L4 (driver 580.65, compute capability 8.9, 23034 MiB)"


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (subprocess.TimeoutExpired("x", 60), "ran no kernel in 60 s"),
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


def test_a_gpu_that_is_declared_and_not_there_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()))
    monkeypatch.setattr(cards_module, "_check", lambda card: cards_module.CardState(card, "8.9"))
    states = from_json(check_declared(2, logical=False))
    assert [state.fault for state in states] == ["", "Ray declares it, the machine has 1"]


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
    assert check_one("GPU-b") == "the driver lists it no more"


class FakeCuda:
    """`torch.cuda` of a card, as far as `look` asks."""

    def __init__(self, error: Exception | None = None, capability: tuple[int, int] = (8, 9)) -> None:
        self._error, self._capability = error, capability

    def get_device_capability(self) -> tuple[int, int]:
        if self._error is not None:
            raise self._error
        return self._capability

    def get_arch_list(self) -> list[str]:
        return ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


OLD_DRIVER = "The NVIDIA driver on your system is too old (found version 12080). Please update your GPU driver"


@pytest.mark.parametrize(
    ("cuda", "kernel", "fault", "fix"),
    [
        (FakeCuda(), None, "", ""),
        (
            FakeCuda(RuntimeError(OLD_DRIVER)),
            None,
            "its driver is too old for torch's CUDA 13.0",
            "driver 580 or newer",
        ),
        (FakeCuda(capability=(7, 0)), None, "no kernels for compute capability 7.0, it has 75, 80", "leave the card"),
        (FakeCuda(), RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel"), "unspecified launch", "smi"),
        (FakeCuda(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "", "it is full now"),
        (FakeCuda(RuntimeError("No CUDA GPUs are available")), None, "torch cannot use it: No CUDA GPUs", "nvidia-smi"),
        (FakeCuda(RuntimeError("CUDA error: out of memory")), None, "", "full now"),
    ],
)
def test_what_is_wrong_with_a_card_and_its_fix(
    monkeypatch: pytest.MonkeyPatch, cuda: Any, kernel: Exception | None, fault: str, fix: str
) -> None:
    def run() -> None:
        if kernel is not None:
            raise kernel

    monkeypatch.setattr(torch, "cuda", cuda)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr("fitscape.study.scheduling.card_check.kernel", run)
    found = look()
    assert fault in found["fault"]
    assert bool(fault) == bool(found["fault"])
    assert fix in found["fix"]


def test_a_torch_of_another_maker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.3")
    assert look()["fault"] == "torch is built for ROCm"
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert look()["fault"] == "torch is built without CUDA"


@pytest.mark.parametrize(
    ("capability", "fits"),
    [((7, 0), False), ((7, 5), True), ((8, 0), True), ((8, 9), True), ((9, 0), True), ((6, 1), False)],
)
def test_kernels_fit_the_same_major_version_and_newer_minor_ones(capability: tuple[int, int], fits: bool) -> None:
    assert supported(capability, ["sm_75", "sm_80", "sm_86", "sm_90"]) is fits
    assert supported((12, 0), ["compute_90"])
    assert not supported((9, 1), ["sm_90a"])


def test_full_is_not_broken() -> None:
    assert is_full(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not is_full(RuntimeError("CUDA error: an illegal memory access was encountered"))


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delattr(os, "memfd_create")


def test_macos_has_cores_and_a_heartbeat(macos: None) -> None:
    assert available_cpus() >= 1
    pulse = heartbeat.Pulse()
    pulse.beat()
    assert not Path("/nowhere").exists()
    assert heartbeat.end_if_hung(heartbeat.Address(2**30, 0), 0.0) is False


def test_macos_and_rocm_are_refused_in_one_line(macos: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ResourceConfig(gpus_per_trial=0.5)
    with pytest.raises(UserError, match=r"Apple's GPUs \(mps\) are not supported \(only NVIDIA cards are; 0 trains"):
        require_resources(asked, cpus=4, gpus=0, where="this machine")
    require_resources(ResourceConfig(), cpus=4, gpus=0, where="this machine")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(cards_module, "version", lambda name: "2.14.1+rocm6.4")
    with pytest.raises(UserError, match=r"AMD's GPUs \(ROCm\) are not supported"):
        require_resources(asked, cpus=4, gpus=0, where="this machine")


def test_a_local_ray_hands_cards_on_by_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("GPU-a", ()), ("GPU-b", ("MIG-1", "MIG-2")))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    import os

    assert cluster_module.Cluster()._declared_gpus() == 2
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-a,MIG-1"


@pytest.mark.parametrize(("share", "fraction"), [(0.5, 0.475), (0.04, 0.02), (1.0, None)])
def test_a_process_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, share: float, fraction: float | None
) -> None:
    taken: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", taken.append)
    properties = SimpleNamespace(total_memory=24_000 * 2**20)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    keep_to(share)
    assert taken == ([] if fraction is None else [pytest.approx(fraction)])


@pytest.mark.parametrize("asked", [1.5, 2, 8])
def test_more_than_one_gpu_for_a_trial_is_refused_with_the_reason(asked: float) -> None:
    """Where there are enough cards, too, and for a cluster that nobody has looked at yet."""
    resources = ResourceConfig(gpus_per_trial=asked)
    why = rf"resources.gpus_per_trial: a trial trains on one card and cannot use {asked:g} \(at most 1; a fraction"
    with pytest.raises(UserError, match=why):
        require_resources(resources, cpus=64, gpus=8, where="this machine")
    with pytest.raises(UserError, match=why):
        require_one_card(resources)
