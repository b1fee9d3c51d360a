"""Linear algebra by one thread at a time, while a map or a sampler computes.

NumPy's and SciPy's OpenBLAS share each product among as many threads as there are cores, and a thread that waits for
the others spins. A map's matrices are too small to gain by it, and beside trials that use the cores it costs ten times
the processor time of the work itself. One thread also gives the same digits on every number of cores.
"""

import ctypes
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from functools import cached_property
from itertools import product
from typing import Final, TypeAlias

from threadpoolctl import threadpool_info

NAMES: Final = [f"{before}openblas_{{}}_num_threads{after}" for before, after in product(("scipy_", ""), ("64_", ""))]

Count: TypeAlias = tuple[Callable[[], int], Callable[[int], object]]  # how many threads a library takes: asked and set


class _OneThread(ContextDecorator):
    """The number is the process's, so that it holds from the first who enters to the last who leaves.

    threadpoolctl finds the libraries and does not set it: of several threads that ask it, it silently obeys one.
    """

    def __init__(self) -> None:
        self._guard, self._inside = threading.Lock(), 0
        self._before: list[int] = []

    @cached_property
    def _libraries(self) -> list[Count]:
        import scipy.linalg  # noqa: F401  (brings a library of its own, which would not be found before)

        told = [one for one in threadpool_info() if one["internal_api"] == "openblas"]
        # With OpenMP's threads the number is each calling thread's own, and they wait without spinning for long.
        return [_count(one["filepath"]) for one in told if one["threading_layer"] != "openmp"]

    def __enter__(self) -> None:
        with self._guard:
            if not self._inside:
                self._before = [asked() for asked, _ in self._libraries]
                for _, limit in self._libraries:
                    limit(1)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            self._inside -= 1
            if not self._inside:
                for (_, limit), before in zip(self._libraries, self._before, strict=True):
                    limit(before)


def _count(path: str) -> Count:
    library = ctypes.CDLL(path)
    name = next(name for name in NAMES if hasattr(library, name.format("set")))
    asked: Callable[[], int] = getattr(library, name.format("get"))
    limit: Callable[[int], object] = getattr(library, name.format("set"))
    return asked, limit


one_thread: Final = _OneThread()
