"""Reading the files of a listing: images of any size and mode become squares of one size."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from fitscape.study.data.datasets.decoding import Header, decode, header
from fitscape.study.data.datasets.listing import Listing, refused
from fitscape.study.data.datasets.source import RawData
from fitscape.study.data.given_split import Part

MIXED_SIZE = 64  # side of the images where they differ and no image_size is given

Item = TypeVar("Item")
Result = TypeVar("Result")


def given(listing: Listing) -> str:
    """What the user brings beside labels, for the preflight's line; empty where that is nothing."""
    said = ""
    if listing.parts is not None:
        counts = {part.text: int((listing.parts == part).sum()) for part in Part if part != Part.DRAWN}
        said += f", split as given ({', '.join(f'{n} {part}' for part, n in counts.items() if n)})"
    if listing.groups is not None:
        said += f", {len(np.unique(listing.groups))} groups"
    return said


def read(listing: Listing, image_size: int | None) -> RawData:
    """Decode every file.

    Raises:
        UserError: a class, or a class in a given part, has no readable image.
    """
    headers = _each(header, listing.paths)
    sound = [h for h in headers if isinstance(h, Header)]
    size, note = (image_size, None) if image_size else _own_size(sound)
    channels = 1 if all(h.grey for h in sound) else 3
    images = np.zeros((len(listing.paths), channels, size, size), dtype=np.uint8)

    def fill(row: int) -> str | None:
        found = headers[row]
        return found if isinstance(found, str) else decode(listing.paths[row], images[row])

    reasons = _each(fill, range(len(listing.paths)))
    good = np.array([reason is None for reason in reasons])
    for c, name in enumerate(listing.classes):
        if not good[listing.labels == c].any():
            raise refused(f"class '{name}' has no readable image")
    broken = [f"{listing.name(p)}: {r}" for p, r in zip(listing.paths, reasons, strict=True) if r is not None]
    return RawData(
        images=images if good.all() else images[good],
        labels=listing.labels[good].astype(np.int64),
        classes=listing.classes,
        parts=None if listing.parts is None else listing.parts[good],
        groups=None if listing.groups is None else listing.groups[good],
        names=tuple(listing.name(path) for path, sound in zip(listing.paths, good, strict=True) if sound),
        unreadable=tuple(broken),
        notes=() if note is None else (note,),
    )


def _own_size(headers: list[Header]) -> tuple[int, str | None]:
    """The one size of all images where it is a square in bounds; else MIXED_SIZE and a sentence that says so."""
    sizes = {h.size for h in headers}
    if len(sizes) == 1:
        width, height = next(iter(sizes))
        if width == height and 4 <= width <= 512:
            return width, None
    return MIXED_SIZE, f"images were cut to squares and resized to {MIXED_SIZE}; data.image_size sets another size"


def _each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Decoding runs outside Python's lock, so that threads use every core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))
