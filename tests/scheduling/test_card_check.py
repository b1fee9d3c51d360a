"""What the check of a card says, and how much of it a process takes."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fitscape.study.scheduling.card_check import is_full, keep_to, look, supported

OLD_DRIVER = "The NVIDIA driver on your system is too old (found version 12080). Please update your GPU driver"


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


@pytest.mark.parametrize(("share", "fraction"), [(0.5, 0.475), (0.04, 0.02), (1.0, None)])
def test_a_process_takes_no_more_than_its_share(
    monkeypatch: pytest.MonkeyPatch, share: float, fraction: float | None
) -> None:
    taken: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", taken.append)
    properties = SimpleNamespace(total_memory=24_000 * 2**20)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    keep_to(share, 600 * 2**20)
    assert taken == ([] if fraction is None else [pytest.approx(fraction)])
