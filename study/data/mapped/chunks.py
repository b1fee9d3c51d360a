"""The pool of decoded images on disk, written chunk by chunk: a chunk is done once its record is there and true."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fitscape.study.data.datasets.decoding import Header
from fitscape.study.data.datasets.source import Images
from fitscape.study.data.splits import content

CHUNK_IMAGES = 64  # at most: what a kill loses of each process
CHUNK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Chunk:
    """Consecutive files of a listing."""

    number: int
    start: int  # position of the first one
    paths: tuple[Path, ...]
    found: tuple[Header | str, ...]  # the header of each, or why it cannot be read


@dataclass(frozen=True)
class Record:
    """What is known of a chunk's images, beside their pixels."""

    contents: NDArray[np.uint8]  # [n, 16], ``splits.content``
    hashes: NDArray[np.uint64]  # [n], ``splits.content_hashes``
    moments: NDArray[np.int64]  # [n, C, 2]
    looks: NDArray[np.uint64]  # [n], ``near_copies.hashes``; empty where nobody asks
    reasons: NDArray[np.str_]  # [n], why a file could not be decoded; empty text where it could


@dataclass(frozen=True)
class Store:
    """``pool.u8``, all images [N, C, S, S] one after the other without a header, and a record a chunk."""

    folder: Path
    shape: tuple[int, int, int]

    @property
    def pool(self) -> Path:
        return self.folder / "pool.u8"

    @property
    def image_bytes(self) -> int:
        channels, height, width = self.shape
        return channels * height * width

    def make(self, images: int) -> None:
        """Room for so many images. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.pool.open("ab") as file:
            file.truncate(images * self.image_bytes)

    def chunks(self, paths: Sequence[Path], found: Sequence[Header | str]) -> Iterator[Chunk]:
        size = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // self.image_bytes))
        for number, start in enumerate(range(0, len(paths), size)):
            part = slice(start, start + size)
            yield Chunk(number, start, tuple(paths[part]), tuple(found[part]))

    def write(self, chunk: Chunk, images: Images, record: Record) -> None:
        """The pixels first; the record says that they are there. Raises OSError."""
        with self.pool.open("r+b") as file:
            file.seek(chunk.start * self.image_bytes)
            file.write(images.data)
        partial = self._record(chunk).with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, **vars(record))
        partial.replace(self._record(chunk))

    def done(self, chunk: Chunk) -> Record | None:
        """The chunk's record; None where it has none, or the pixels are not those it speaks of."""
        record = self.recorded(chunk)
        if record is None:
            return None
        with self.pool.open("rb") as file:
            file.seek(chunk.start * self.image_bytes)
            for expected in record.contents:
                pixels = file.read(self.image_bytes)
                if content(np.frombuffer(pixels, dtype=np.uint8)) != expected.tobytes():
                    return None
        return record

    def recorded(self, chunk: Chunk) -> Record | None:
        """The record as it was written, the pixels unseen; None where there is none, or it is no record of these."""
        try:
            with np.load(self._record(chunk), allow_pickle=False) as file:
                record = Record(**{name: file[name] for name in Record.__dataclass_fields__})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return record if len(record.contents) == len(chunk.paths) else None

    def _record(self, chunk: Chunk) -> Path:
        return self.folder / f"{chunk.number:07}.npz"
