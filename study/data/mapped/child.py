"""What a process of its own does of a preparation: it looks at files, or decodes chunks of them into the pool."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fitscape.study.data import near_copies
from fitscape.study.data.datasets.decoding import Header, decode, header
from fitscape.study.data.datasets.journal import Journal
from fitscape.study.data.mapped.chunks import Chunk, Record, Store
from fitscape.study.data.moments import moments
from fitscape.study.data.splits import content, content_hashes

LOOKED_AT = 16  # images whose perceptual hashes are taken together: arrays of floats


@dataclass(frozen=True)
class Duty:
    """What a process is given beside its files."""

    crashing: Mapping[str, str]  # file -> reason: files that must not be opened
    journal: Path  # of the files it is working on
    ticks: Path  # grows by a byte a file

    def tick(self, files: int) -> None:
        with self.ticks.open("ab") as file:
            file.write(b"." * files)


def headers(paths: Sequence[Path], duty: Duty) -> list[Header | str]:
    """The header of each file, or why it cannot be read."""
    journal = Journal(duty.journal)
    found: list[Header | str] = []
    for path in paths:
        if (reason := duty.crashing.get(str(path))) is not None:
            found.append(reason)
        else:
            with journal.working_on(str(path)):
                found.append(header(path))
        duty.tick(1)
    return found


def fill(chunks: Sequence[Chunk], store: Store, full: int, pad: bool, looks: bool, duty: Duty) -> None:
    """Decode the chunks that are not done.

    Args:
        store: with its pool made.
        full: what becomes 255 of 16 bits.
        pad: as ``decoding.decode``.
        looks: whether near copies will be looked for.
    """
    journal = Journal(duty.journal)
    for chunk in chunks:
        if store.done(chunk):
            duty.tick(len(chunk.paths))
            continue
        images = np.zeros((len(chunk.paths), *store.shape), dtype=np.uint8)
        reasons = []
        for path, found, out in zip(chunk.paths, chunk.found, images, strict=True):
            reason = duty.crashing.get(str(path)) or (found if isinstance(found, str) else None)
            if reason is None:
                with journal.working_on(str(path)):
                    reason = decode(path, out, full, pad=pad)
            reasons.append(reason or "")
            duty.tick(1)
        parts = [images[at : at + LOOKED_AT] for at in range(0, len(images), LOOKED_AT)] if looks else []
        record = Record(
            contents=np.frombuffer(b"".join(map(content, images)), dtype=np.uint8).reshape(-1, 16),
            hashes=content_hashes(images),
            moments=moments(images),
            looks=np.concatenate([near_copies.hashes(part) for part in parts]) if parts else np.empty(0, np.uint64),
            reasons=np.array(reasons, dtype=np.str_),
        )
        store.write(chunk, images, record)


def sizes(paths: Sequence[Path]) -> list[Header | str]:
    """Headers of a few files, for an estimate."""
    return [header(path) for path in paths]


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
