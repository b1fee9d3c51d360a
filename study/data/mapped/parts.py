"""The images of a part in a file of its own, as .npy, that every process of a machine maps and none copies."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitscape.study.data.datasets.source import Images
from fitscape.study.data.place import CacheDamaged
from fitscape.study.data.splits import content_hashes

SAMPLED = 32  # images of a part whose hashes are looked at before each use
OPEN = ("train", "validation")  # what trials are given; the test part is mapped by `cache.read_test` alone


def file_name(part: str) -> str:
    return f"{part}.npy"


def write(path: Path, shape: Sequence[int], blocks: Iterable[Images]) -> None:
    """Write images [N, C, H, W] that come in blocks, and wait until they are on the disk. Raises OSError."""
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": tuple(map(int, shape))}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
        file.flush()
        os.fsync(file.fileno())


def mapped(path: Path, shape: Sequence[int]) -> Images:
    """The images [N, C, H, W], read-only. Raises CacheDamaged: the file is missing, cut short or of another shape."""
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CacheDamaged(f"{path}: {error}") from error
    whole = path.stat().st_size == images.offset + math.prod(shape) if isinstance(images, np.memmap) else False
    if not whole or images.dtype != np.uint8 or images.shape != tuple(shape):
        raise CacheDamaged(f"{path} is not of the shape {tuple(shape)}")
    return images


def sound(images: Images, hashes: NDArray[np.uint64], rows: NDArray[np.int64] | None = None) -> bool:
    """Whether images have these ``splits.content_hashes`` [N], all of them or some ``rows``."""
    rows = np.arange(len(images)) if rows is None else rows
    return all(content_hashes(images[row : row + 1])[0] == hashes[row] for row in rows)


def sampled(images: int) -> NDArray[np.int64]:
    """Positions of some images, the first and the last among them."""
    return np.unique(np.linspace(0, images - 1, min(SAMPLED, images)).astype(np.int64))


def state(path: Path, shape: Sequence[int]) -> dict[str, Any]:
    """What is written down of a part's file, as JSON."""
    return {"shape": [int(n) for n in shape], "mtime_ns": path.stat().st_mtime_ns}


def opened(folder: Path, part: str, known: Mapping[str, Any], hashes: NDArray[np.uint64]) -> Images:
    """A part's images, found to be those that were written.

    All are hashed where the file has another time than it was left with; otherwise a sample is, as hashing gigabytes
    at every start would take longer than the first epoch.

    Raises:
        CacheDamaged: they are not.
    """
    path = folder / file_name(part)
    images = mapped(path, known["shape"])
    untouched = path.stat().st_mtime_ns == known["mtime_ns"]
    if not sound(images, hashes, sampled(len(images)) if untouched else None):
        raise CacheDamaged(f"{path} does not hold the images that were written")
    return images


@dataclass(frozen=True)
class Mapped:
    """Where the images of train and validation lie: what travels to a trial's process in their place."""

    folder: str
    shapes: Mapping[str, tuple[int, ...]]  # by part
    samples: Mapping[str, tuple[int, ...]]  # hashes of the ``sampled`` images, by part
    storage: str | None = None  # where other nodes fetch them from

    @classmethod
    def of(cls, folder: Path, images: Mapping[str, Images], hashes: Mapping[str, NDArray[np.uint64]]) -> "Mapped":
        """Of parts that were opened in ``folder``."""
        chosen = {part: hashes[part][sampled(len(images[part]))] for part in OPEN}
        return cls(
            str(folder),
            {part: images[part].shape for part in OPEN},
            {part: tuple(int(one) for one in chosen[part]) for part in OPEN},
        )

    @property
    def bytes(self) -> int:
        """Of all images."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def through(self, storage: str) -> "Mapped":
        """These, for nodes that fetch them from ``storage``."""
        return replace(self, storage=storage)

    def open(self) -> dict[str, Images]:
        """The images by part, from this machine's disk; fetched there first where they are not.

        Raises:
            CacheDamaged: they are neither here nor in the storage.
        """
        try:
            return self.here(Path(self.folder))
        except CacheDamaged:
            if self.storage is None:
                raise
        from fitscape.study.data.mapped.sharing import fetch

        return self.here(fetch(self))

    def here(self, folder: Path) -> dict[str, Images]:
        """The images by part in a folder of this machine. Raises CacheDamaged: they are not there, whole."""
        found = {}
        for part in OPEN:
            images = found[part] = mapped(folder / file_name(part), self.shapes[part])
            rows = sampled(len(images))
            if any(
                content_hashes(images[row : row + 1])[0] != one
                for row, one in zip(rows, self.samples[part], strict=True)
            ):
                raise CacheDamaged(f"{folder} holds other images")
        return found
