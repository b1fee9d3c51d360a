"""Peak memory of a trial, and what "out of memory" looks like."""

import resource
import sys
from pathlib import Path

import torch

_MIB = 2**20


class TrialOutOfMemory(RuntimeError):
    """The trial does not fit its device; the text starts with ``oom``. The same trial would fail again."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for CUDA's error and for the plain RuntimeError of torch's CPU allocator."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate" in str(error)


def reset_peak(device: torch.device) -> None:
    """Forget the peak so far: a warm worker runs many trials, each wants its own."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
        except OSError:  # a hardened container: the peak is then the process's, not the trial's
            return


def peak_mib(device: torch.device) -> float:
    """Peak MiB since ``reset_peak``: CUDA's allocator on a GPU, resident memory of the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / _MIB
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MIB
