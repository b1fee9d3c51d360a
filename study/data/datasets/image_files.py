"""Reading the files of a listing: images of any size and mode become squares of one size."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fitscape.study.data.datasets.decoding import Header, decode, header, sixteen_bit_scale
from fitscape.study.data.datasets.listing import Listing, refused
from fitscape.study.data.datasets.source import Images, Presence, RawData, Source
from fitscape.study.data.given_split import SplitPart

MIXED_SIZE = 64  # side of the images where they differ and no image_size is given


def presence(name: str, listing: Listing, place: Path, folder: Path) -> Presence:
    """``Source.presence`` of a listing; ``place`` is what the user named, a file or the ``folder`` itself."""
    text = f"{len(listing.paths)} images in {len(listing.classes)} classes in {place}{_given(listing)}"
    return Presence(name, folder, text, counts=listing.counts)


def _given(listing: Listing) -> str:
    """What the user brings beside labels, for the preflight's line; empty where that is nothing."""
    said = ""
    if listing.parts is not None:
        counts = {part.text: int((listing.parts == part).sum()) for part in SplitPart if part != SplitPart.DRAWN}
        said += f", split as given ({', '.join(f'{n} {part}' for part, n in counts.items() if n)})"
    if listing.groups is not None:
        said += f", {len(np.unique(listing.groups))} groups"
    if listing.left_out:
        first, reason = min(listing.left_out.items())
        named = f"{listing.name(first)}: {reason}"
        said += f"; {len(listing.left_out)} files cannot be read and are left out, the first is {named}"
    return said


def state(listing: Listing) -> list[str]:
    """``Source.state`` of a listing."""
    return [*_named(listing, listing.left_out), *listing.notes]


def read(listing: Listing, image_size: int | None, source: Source) -> RawData:
    """Decode every file; ``source`` knows those that must not be opened.

    Raises:
        UserError: a class, or a class in a given part, has no readable image.
    """
    found = _each(header, listing.paths, source)
    while True:  # again only where a file that cannot be decoded had a say in what all become
        form, notes = form_of(found, image_size)
        images = np.zeros((len(listing.paths), form.channels, form.size, form.size), dtype=np.uint8)

        def fill(path: Path, known: Header | str, out: Images, scale: int = form.scale) -> Header | str:
            return known if isinstance(known, str) else decode(path, out, scale, pad=source.fit == "pad") or known

        found = _each(fill, listing.paths, source, found, images)
        if form_of(found, image_size) == (form, notes):
            break
    good = np.array([isinstance(known, Header) for known in found], dtype=bool)
    return described(listing, found, form, notes, source.fit, images if good.all() else images[good])


def described(
    listing: Listing, found: Sequence[Header | str], form: "Form", notes: tuple[str, ...], fit: str, images: Images
) -> RawData:
    """What was read of a listing.

    Args:
        listing: the files.
        found: the header of each file, or why it cannot be read.
        form: what every image has become.
        notes: sentences about that.
        fit: how squares were made.
        images: of the files that could be read [N, C, S, S].

    Raises:
        UserError: a class, or a class in a given part, has no readable image.
    """
    reasons = {path: known for path, known in zip(listing.paths, found, strict=True) if isinstance(known, str)}
    good = np.array([isinstance(known, Header) for known in found], dtype=bool)
    for c, name in enumerate(listing.classes):
        if not good[listing.labels == c].any():
            raise refused(f"class '{name}' has no readable image")
    return RawData(
        images=images,
        labels=listing.labels[good].astype(np.int64),
        classes=listing.classes,
        parts=None if listing.parts is None else listing.parts[good],
        groups=None if listing.groups is None else listing.groups[good],
        names=tuple(listing.name(path) for path, sound in zip(listing.paths, good, strict=True) if sound),
        unreadable=tuple(_named(listing, {**listing.left_out, **reasons})),
        notes=(*notes, *listing.notes),
        sizes=_sizes([known for known in found if isinstance(known, Header)], form.size, fit),
    )


@dataclass(frozen=True)
class Form:
    """What every image becomes."""

    size: int  # pixels a side
    channels: int
    scale: int  # value of 16 bits that becomes 255


def form_of(found: Iterable[Header | str], image_size: int | None) -> tuple[Form, tuple[str, ...]]:
    """The form that all images share, and sentences about it; files without a header have no say."""
    headers = [h for h in found if isinstance(h, Header)]
    size = image_size or _own_size(headers)
    scale, scale_note = sixteen_bit_scale(headers)
    channels = 1 if all(h.grey for h in headers) else 3
    return Form(size, channels, scale), tuple(filter(None, (scale_note,)))


def _own_size(headers: list[Header]) -> int:
    """The one size of all images where it is a square in bounds; else MIXED_SIZE."""
    sizes = {h.size for h in headers}
    if len(sizes) == 1:
        width, height = next(iter(sizes))
        if width == height and 4 <= width <= 512:
            return width
    return MIXED_SIZE


def _sizes(headers: list[Header], size: int, fit: str) -> str:
    """What the sizes of the images become; empty where they stay."""
    if {h.size for h in headers} == {(size, size)}:
        return ""
    sides = [min(h.size) for h in headers]
    low, median, high = min(sides), round(float(np.median(sides))), max(sides)
    spread = f" ({low} to {high})" if low < high else ""
    square = all(width == height for width, height in (h.size for h in headers))
    how = "" if square else ", padded to squares" if fit == "pad" else ", cut to squares"
    return f"{median} px{spread} become {size} px{how}; data.image_size sets another size"


def _named(listing: Listing, left_out: Mapping[Path, str]) -> list[str]:
    return [f"{listing.name(path)}: {reason}" for path, reason in sorted(left_out.items())]


def _each(
    work: Callable[..., Header | str], paths: Sequence[Path], source: Source, *given: Iterable[Any]
) -> list[Header | str]:
    """Decoding runs outside Python's lock, so that threads use every core."""

    def watched(path: Path, *arguments: Any) -> Header | str:
        if str(path) in source.crashing:
            return source.crashing[str(path)]
        with source.journal.working_on(str(path)):
            return work(path, *arguments)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(watched, paths, *given))
