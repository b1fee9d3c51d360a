"""What the stand-in has counted, in the process that it is loaded into."""

import ctypes
from collections import Counter

_LIBRARY = ctypes.CDLL("libcudastub.so")
_LIBRARY.stub_dump.argtypes = [ctypes.c_char_p, ctypes.c_long]
_LIBRARY.stub_dump.restype = ctypes.c_long

# Calls in which the host waits for the card. A copy from pageable memory may, and is counted too.
WAITS = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "memcpy H2D pageable")


def reset() -> None:
    """Begin to count anew."""
    _LIBRARY.stub_reset()


def calls() -> Counter[str]:
    """Calls since ``reset`` by name; ``launch`` is of all kernels, products and convolutions."""
    return _counted("C")


def kernels() -> Counter[str]:
    """Launches since ``reset`` by the name of the kernel, as the compiler mangled it."""
    return _counted("K")


def _counted(wanted: str) -> Counter[str]:
    buffer = ctypes.create_string_buffer(1 << 20)
    assert _LIBRARY.stub_dump(buffer, len(buffer)) >= 0
    counted: Counter[str] = Counter()
    for line in buffer.value.decode().splitlines():
        kind, count, name = line.split(" ", 2)
        if kind == wanted:
            counted[name] = int(count)
    return counted


def waits() -> int:
    """How often the host has waited for the card since ``reset``."""
    counted = calls()
    return sum(counted[name] for name in WAITS)
