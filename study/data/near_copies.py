"""Held-out images that look like a training image: frames of one scene, or one photo in two sizes or formats.

An exact copy never leaves its part (`splits.content_groups`); these would, and a net that has learned the scene by
heart is then measured on it. The hash is the perceptual one of the sign pattern of an image's lowest 63 cosine
frequencies (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions", section 3.2): it
survives another size, format, brightness and small crops. Groups cure it, so nothing is looked for where there are any.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from fitscape.study.data.datasets.source import Images

SIDE = 32  # pixels that an image is reduced to
FREQUENCIES = 8  # lowest ones of each direction
ALIKE = 8  # of 63 bits that may differ: 90 % of the frames of a part of tests/support/inspection.py, none of others
LEAST_SIDE = 24  # pixels; smaller images all look alike
COMPARED = 2000  # held-out images at most: the share is known to +-2 %
CHUNK = 256

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class NearCopies:
    """What was found among the held-out images that were compared."""

    compared: int
    pairs: tuple[tuple[int, int], ...]  # position in held-out, position in train: the nearest one

    @property
    def share(self) -> float:
        return len(self.pairs) / self.compared if self.compared else 0.0


def near_copies(images: Images, train: Rows, held_out: Rows) -> NearCopies:
    """Compare held-out ones of the images [N, C, H, W] with training ones; of many, an even selection."""
    if min(images.shape[2:]) < LEAST_SIDE or not len(held_out):
        return NearCopies(0, ())
    chosen = selection(len(held_out))
    return nearest(hashes(images, train), hashes(images, held_out[chosen]), chosen)


def selection(held_out: int) -> NDArray[np.int64]:
    """Positions of the held-out images that are compared, of so many."""
    return np.unique(np.linspace(0, held_out - 1, min(COMPARED, held_out)).astype(np.int64))


def nearest(known: NDArray[np.uint64], asked: NDArray[np.uint64], chosen: NDArray[np.int64]) -> NearCopies:
    """Compare the ``hashes`` of training images [N] and of held-out ones [n], whose positions are ``chosen``."""
    pairs = []
    for start in range(0, len(asked), CHUNK):
        apart = np.bitwise_count(asked[start : start + CHUNK, None] ^ known)
        closest = apart.argmin(1)
        for row in np.flatnonzero(apart[np.arange(len(closest)), closest] <= ALIKE):
            pairs.append((int(chosen[start + row]), int(closest[row])))
    return NearCopies(len(asked), tuple(pairs))


def hashes(images: Images, rows: Rows | None = None) -> NDArray[np.uint64]:
    """63 bits of each image [N, C, H, W], or of these rows."""
    rows = np.arange(len(images)) if rows is None else rows
    return np.concatenate([_hash(images[rows[at : at + CHUNK]]) for at in range(0, len(rows), CHUNK)])


def _hash(images: Images) -> NDArray[np.uint64]:
    grey = images.mean(1, dtype=np.float32)
    for axis in (1, 2):
        grey = _reduced(grey, axis)
    low = dctn(grey, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES].reshape(len(grey), -1)[:, 1:]
    bits = low > np.median(low, axis=1, keepdims=True)
    return (bits.astype(np.uint64) << np.arange(bits.shape[1], dtype=np.uint64)).sum(1, dtype=np.uint64)


def _reduced(grey: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Means over SIDE stretches of equal length; an image of fewer pixels is stretched to them."""
    edges = np.linspace(0, grey.shape[axis], SIDE + 1)
    sums = np.insert(np.cumsum(grey, axis=axis), 0, 0, axis=axis)
    low = np.floor(edges).astype(np.int64).clip(max=grey.shape[axis])
    rest = (edges - low).astype(np.float32)
    high = (low + 1).clip(max=grey.shape[axis])
    shape = [1, 1, 1]
    shape[axis] = SIDE + 1
    at = sums.take(low, axis) * (1 - rest.reshape(shape)) + sums.take(high, axis) * rest.reshape(shape)
    return np.asarray(np.diff(at, axis=axis), dtype=np.float32)
