import resource

import torch

from fitscape.study.training.memory import is_out_of_memory, keep_freed_memory, peak_mib, reset_peak

CPU = torch.device("cpu")


def test_peak_is_of_the_time_since_the_reset() -> None:
    keep_freed_memory(CPU)
    reset_peak(CPU)
    before = peak_mib(CPU)
    assert len(torch.ones(64 * 2**20, dtype=torch.uint8)) > 0
    peak = peak_mib(CPU)
    assert 60 < peak - before < 100
    reset_peak(CPU)
    assert peak_mib(CPU) < peak - 60


def test_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: ..."))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_kept_memory_is_not_mapped_anew_for_each_tensor() -> None:
    keep_freed_memory(CPU)
    for _ in range(20):
        torch.ones(8 * 2**20)  # 8192 pages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(8 * 2**20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 2 * 8192
