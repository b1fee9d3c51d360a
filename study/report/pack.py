"""Numbers for the page's scripts: one compressed blob that they cut arrays from."""

import base64
import gzip
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALIGNMENT = 4
MISSING = 65535  # of a rate: not measured, or not finite
LOSSES = (-8, 14)  # decades; static/data.js has the same
TYPES = {"uint8": "u8", "uint16": "u16", "float32": "f32"}


class Pack:
    """Collects arrays; each is referred to by ``{"at", "n", "type"}``, bytes from the start and elements."""

    def __init__(self) -> None:
        self._blob = bytearray()

    def add(self, values: NDArray[Any]) -> dict[str, Any]:
        """Keep an array of uint8, uint16 or float32, flattened in C order, little-endian."""
        self._blob += bytes(-len(self._blob) % ALIGNMENT)
        flat = np.ascontiguousarray(values).ravel()
        at = len(self._blob)
        self._blob += flat.astype(flat.dtype.newbyteorder("<")).tobytes()
        return {"at": at, "n": len(flat), "type": TYPES[flat.dtype.name]}

    def rates(self, values: ArrayLike) -> dict[str, Any]:
        """Numbers from 0 to 1 in steps of 1/65534; what is not finite stays apart from every rate."""
        array = np.asarray(values, dtype=float)
        finite = np.isfinite(array)
        steps = np.rint(np.clip(np.where(finite, array, 0), 0, 1) * (MISSING - 1))
        return self.add(np.where(finite, steps, MISSING).astype(np.uint16))

    def losses(self, values: Sequence[float | None]) -> dict[str, Any]:
        """Numbers above 0 by their logarithm, from 1e-8 to 1e14 in steps of 0.08 %; what is not finite stays apart."""
        array = np.array([np.nan if value is None else value for value in values], dtype=float)
        finite = np.isfinite(array)
        decades = np.log10(np.clip(np.where(finite, array, 1), 10.0 ** LOSSES[0], 10.0 ** LOSSES[1]))
        return self.rates(np.where(finite, (decades - LOSSES[0]) / (LOSSES[1] - LOSSES[0]), np.nan))

    def text(self) -> str:
        return compressed(bytes(self._blob))


def compressed(raw: bytes) -> str:
    """gzip, then base64; the same bytes each time."""
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode("ascii")
