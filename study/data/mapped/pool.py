"""The decoded pool as ``prepare`` wants it: parts are copied from file to file, the rest was recorded by chunks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitscape.study.data.datasets.source import Images
from fitscape.study.data.mapped.chunks import CHUNK_BYTES, Record, Store
from fitscape.study.data.mapped.parts import file_name, mapped, write
from fitscape.study.data.near_copies import LEAST_SIDE, NearCopies, nearest, selection
from fitscape.study.data.splits import Indices, groups_of


class DecodedPool:
    """A ``pixels.Pool`` on disk.

    Args:
        store: filled.
        records: of all its chunks, in order.
        good: positions in the store of the images that could be read [N].
        say: gets a sentence a part.
    """

    def __init__(
        self, store: Store, records: Sequence[Record], good: Indices, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._store, self._good, self._say = store, good, say
        self._contents = np.concatenate([record.contents for record in records])[good]
        self._hashes = np.concatenate([record.hashes for record in records])[good]
        self._moments = np.concatenate([record.moments for record in records])[good]
        looks = np.concatenate([record.looks for record in records])
        self._looks = looks[good] if len(looks) else None
        self._parts: dict[str, Indices] = {}

    def contents(self) -> tuple[Indices, Indices | None]:
        return groups_of(row.tobytes() for row in self._contents), None

    def part(self, name: str, chosen: Indices) -> Images:
        self._parts[name] = chosen
        path, shape = self.file(name), (len(chosen), *self._store.shape)
        self._say(f"writing {len(chosen):,} images of the {name} part")
        write(path, shape, self._blocks(self._good[chosen]))
        return mapped(path, shape)

    def hashes(self, name: str) -> NDArray[np.uint64]:
        return self._hashes[self._parts[name]]

    def moments(self, name: str) -> NDArray[np.int64]:
        return self._moments[self._parts[name]]

    def near_copies(self, train: Indices, held_out: Indices) -> NearCopies:
        if self._looks is None or self._store.shape[1] < LEAST_SIDE or not len(held_out):
            return NearCopies(0, ())
        chosen = selection(len(held_out))
        return nearest(self._looks[train], self._looks[held_out[chosen]], chosen)

    def file(self, part: str) -> Path:
        return self._store.folder / file_name(part)

    def _blocks(self, rows: Indices) -> Iterator[Images]:
        """Read, not mapped: pages of the pool would count as this process's."""
        size, together = self._store.image_bytes, max(1, CHUNK_BYTES // self._store.image_bytes)
        with self._store.pool.open("rb") as file:
            for at in range(0, len(rows), together):
                block = np.empty((len(rows[at : at + together]), size), dtype=np.uint8)
                for out, row in zip(block, rows[at : at + together], strict=True):
                    file.seek(int(row) * size)
                    if file.readinto(out.data) != size:
                        raise OSError(f"{self._store.pool} is cut short")
                yield block
