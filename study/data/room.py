"""What preparing a data set takes of disk and memory, and whether it is there: said before the work. No torch."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fitscape.study.config import DataConfig
from fitscape.study.data.datasets.decoding import Header
from fitscape.study.data.datasets.image_files import form_of
from fitscape.study.data.datasets.listing import Listing
from fitscape.study.data.datasets.source import Source
from fitscape.study.errors import UserError
from fitscape.study.isolated import call

MAPPED_FROM = 2**28  # bytes of decoded images from which they are mapped: preparing them in memory takes twice as much
LOOKED_AT = 64  # files whose headers say what all become
LARGEST = 512  # pixels a side that images may keep
COPIES = 2  # the pool and the parts that are cut from it
IN_MEMORY = 2.2  # times the decoded bytes that preparing them in memory takes at its peak


@dataclass(frozen=True)
class Room:
    """Decoded images of a data set of files, as far as a few of them tell."""

    images: int
    shape: tuple[int, int, int]  # (C, H, W)

    @property
    def bytes(self) -> int:
        return self.images * math.prod(self.shape)

    @property
    def mapped(self) -> bool:
        """Whether they are kept in files that are mapped, and never all in memory."""
        return self.bytes >= MAPPED_FROM


def room(config: DataConfig, source: Source) -> Room | None:
    """What a data set's images take; None where it is not made of files.

    Raises:
        UserError: as ``source.listing``.
    """
    listing = source.listing()
    if listing is None:
        return None
    count, most = len(listing.paths), config.image_size or LARGEST
    largest = Room(count, (3, most, most))
    return _estimated(listing, config.image_size) if largest.mapped else largest


def _estimated(listing: Listing, image_size: int | None) -> Room:
    """By the headers of some files, read in a process of their own: their decoders are foreign code."""
    from fitscape.study.data.mapped.child import sizes  # with SciPy

    chosen = np.unique(np.linspace(0, len(listing.paths) - 1, LOOKED_AT).astype(int))
    try:
        found = call(sizes, [listing.paths[i] for i in chosen])
    except Exception:  # noqa: BLE001  (a file that crashes its decoder is named when all are decoded)
        found = [Header((LARGEST, LARGEST), grey=False)]
    form, _ = form_of(found, image_size)
    return Room(len(listing.paths), (form.channels, form.size, form.size))


def copies(config: DataConfig) -> int:
    """Of the images that lie on the disk for a moment; of folds most images are kept twice (`folds.ring`)."""
    return COPIES + (config.folds is not None)


def require_disk(folder: Path, needed: int) -> None:
    """Raises UserError: so many bytes are not free where ``folder`` is or will be."""
    free = free_at(folder)
    if free < needed:
        what = f"preparing the images takes {gigabytes(needed)} in {folder}, where {gigabytes(free)} are free"
        fix = "set FITSCAPE_DATA or data.root to a folder on a larger disk, or lower data.image_size"
        raise UserError(what, where="data", fix=fix)


def require_memory(decoded: int) -> None:
    """Raises UserError: images of so many bytes cannot be prepared in the memory that is free."""
    free, needed = free_memory(), int(IN_MEMORY * decoded)
    if free is not None and free < needed and decoded >= MAPPED_FROM:
        what = f"preparing these images takes {gigabytes(needed)} of memory, and {gigabytes(free)} are free"
        fix = "lower data.image_size, or give the images as files: folder:PATH or csv:FILE are kept on the disk"
        raise UserError(what, where="data", fix=fix)


def free_at(folder: Path) -> int:
    """Bytes that are free on the disk of a folder that is there or will be."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def free_memory() -> int | None:
    """Bytes that this process may still take, of its machine and its cgroup; None where the system does not say."""
    found = [bytes_ for bytes_ in (_of_the_machine(), _of_the_group()) if bytes_ is not None]
    return min(found, default=None)


def _of_the_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None


def _of_the_group() -> int | None:
    """By version 2 of control groups; what its page cache holds can be given back."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit == "max":
            return None
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used = int((group / "memory.current").read_text()) - int(statistics.get("inactive_file", 0))
        return max(0, int(limit) - used)
    except (OSError, ValueError):
        return None


def gigabytes(count: float) -> str:
    """As people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
