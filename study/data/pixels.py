"""The pixels of a data set on their way to its parts, and what is known of each image: here all in memory."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from fitscape.study.data.datasets.source import Images, RawData
from fitscape.study.data.moments import moments
from fitscape.study.data.near_copies import NearCopies, near_copies
from fitscape.study.data.splits import Indices, content_groups, content_hashes


class Pool(Protocol):
    """The images before the split, by their positions in ``RawData.labels``, and the parts that are made of them."""

    def contents(self) -> tuple[Indices, Indices | None]:
        """One number an image, equal for equal pixels: of the pool, and of the data set's own test part, if any."""

    def part(self, name: str, chosen: Indices) -> Images:
        """Make the part ``train``, ``validation`` or ``test`` of the chosen images, or of the data set's own test part.

        Returns:
            Its images [n, C, H, W].
        """

    def hashes(self, name: str) -> NDArray[np.uint64]:
        """``splits.content_hashes`` [n] of a part that was made."""

    def moments(self, name: str) -> NDArray[np.int64]:
        """``moments.moments`` [n, C, 2] of a part that was made."""

    def near_copies(self, train: Indices, held_out: Indices) -> NearCopies:
        """``near_copies.near_copies`` of the chosen images."""


class Pixels:
    """All in memory."""

    def __init__(self, raw: RawData, size: int | None) -> None:
        self._images = resized(raw.images, size)
        self._own_test = None if raw.test_images is None else resized(raw.test_images, size)
        self._parts: dict[str, Images] = {}

    def contents(self) -> tuple[Indices, Indices | None]:
        if self._own_test is None:
            return content_groups(self._images)[0], None
        pool, test = content_groups(self._images, self._own_test)
        return pool, test

    def part(self, name: str, chosen: Indices) -> Images:
        given = self._own_test if name == "test" else None
        self._parts[name] = self._images[chosen] if given is None else given.copy()
        return self._parts[name]

    def hashes(self, name: str) -> NDArray[np.uint64]:
        return content_hashes(self._parts[name])

    def moments(self, name: str) -> NDArray[np.int64]:
        return moments(self._parts[name])

    def near_copies(self, train: Indices, held_out: Indices) -> NearCopies:
        return near_copies(self._images, train, held_out)


def resized(images: Images, size: int | None) -> Images:
    """Images [N, C, size, size], by antialiased bilinear interpolation; as they are where that is their size."""
    if size is None or images.shape[2:] == (size, size):
        return images
    chunks = np.array_split(images, max(1, len(images) // 1024))
    return np.concatenate(
        [interpolate(torch.tensor(chunk), (size, size), mode="bilinear", antialias=True).numpy() for chunk in chunks]
    )
