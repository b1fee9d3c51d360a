"""Peak memory of a trial, and what "out of memory" looks like."""

import ctypes
import os
import resource
import sys
from pathlib import Path

import torch

_MIB = 2**20
# malloc.h: M_MMAP_MAX none, M_TRIM_THRESHOLD none, M_TOP_PAD 64 MiB.
_MALLOPT = ((-4, 0), (-1, 2**31 - 1), (-2, 64 * _MIB))


# Segments that grow instead of new ones: 5.2 GiB of a card instead of 9.8 for a DenseNet121 in float32. torch reads it
# before a process's first use of a card.
if not {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"} & os.environ.keys():
    os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"

# One workspace of cuBLAS for each stream, without which torch refuses products where they are to be repeatable. It is
# read at a process's first product.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

_OUT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate",
    "CUDA error: out of memory",  # the context, a stream, a graph: what torch's allocator does not hold
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",  # so cublasCreate says that its workspace does not fit
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "Unable to find a valid cuDNN algorithm",  # none whose workspace fits
)


class TrialOutOfMemory(RuntimeError):
    """The trial does not fit its device; the text starts with ``oom``. The same trial would fail again."""


class AttemptOutOfMemory(RuntimeError):
    """A trial that did fit its device does not any more: something else has taken the memory.

    The trial can go on from its last checkpoint, here or elsewhere.
    """


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None)
    return library if sys.platform == "linux" and hasattr(library, "gnu_get_libc_version") else None


def is_out_of_memory(error: BaseException) -> bool:
    """True for torch's own error, and for the plain RuntimeErrors of its CPU allocator and of CUDA's libraries."""
    known = isinstance(error, torch.OutOfMemoryError | TrialOutOfMemory)
    return known or any(text in str(error) for text in _OUT_OF_MEMORY)


def keep_freed_memory(device: torch.device) -> None:
    """Let the C library keep what a step frees for the next step, on the CPU under glibc; else do nothing.

    By default every large activation is mapped anew, and the kernel zeroes each of its pages: 8 % of a
    ResNet18 step at width 1 (45,000 page faults). ``reset_peak`` gives the memory back between trials.
    """
    libc = _glibc()
    if device.type == "cpu" and libc is not None:
        for parameter, value in _MALLOPT:
            libc.mallopt(parameter, value)


def reset_peak(device: torch.device) -> None:
    """Forget the peak so far: a warm worker runs many trials, each wants its own."""
    if device.type == "cuda":
        torch.cuda.empty_cache()  # blocks that an earlier trial has left would count as this one's
        torch.cuda.reset_peak_memory_stats(device)
        return
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)
    if Path("/proc/self/clear_refs").exists():
        try:
            Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
        except OSError:  # a hardened container: the peak is then the process's, not the trial's
            return


def peak_mib(device: torch.device) -> float:
    """Peak MiB since ``reset_peak``: resident memory of the process on the CPU, reserved by torch on a GPU.

    Reserved, since that is what other processes lack: up to three times what tensors and workspaces hold at once.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / _MIB
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MIB
