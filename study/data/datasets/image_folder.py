"""A user's folder of images, one subfolder a class; images of any size and mode."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from fitscape.study.data.datasets.decoding import Header, decode, header, sixteen_bit_scale
from fitscape.study.data.datasets.folder_scan import FolderContents, bad, scan, text
from fitscape.study.data.datasets.source import MINIMUM_IMAGES, Presence, RawData, Source
from fitscape.study.errors import UserError

MIXED_SIZE = 64  # side of the images where they differ and no image_size is given

Result = TypeVar("Result")


class ImageFolder(Source):
    """Images below ``PATH/CLASS/``, at any depth; what is hidden or has no image's suffix is passed over.

    Each image becomes a square by cutting the longer side alike at both ends, then antialiased resizing. All grey
    makes one channel, otherwise three; 16-bit grey is scaled to 8, from as many bits as the largest value of the data
    set needs (8, 10, 12 or 16); transparent parts lie on white.
    """

    name = "folder"
    description = "your own images: folder:PATH, a class a subfolder"
    foreign = True

    def presence(self) -> Presence:
        found = self._scan()
        total = sum(map(len, found.by_class.values()))
        said = f"{total} images in {len(found.by_class)} classes in {self._path()}"
        if found.left_out:
            first, reason = next(iter(sorted(found.left_out.items())))
            named = f"{text(first.relative_to(self._path()))}: {reason}"
            said += f"; {len(found.left_out)} files cannot be read and are left out, the first is {named}"
        return Presence(self.name, self._path(), said)

    def files(self) -> list[Path]:
        return [path for paths in self._scan().by_class.values() for path in paths]

    def state(self) -> list[str]:
        found = self._scan()
        left_out = [f"{text(path)}: {reason}" for path, reason in sorted(found.left_out.items())]
        return [*left_out, *found.notes()]

    def read(self, image_size: int | None) -> RawData:
        found = self._scan()
        by_class, root = found.by_class, self._path()
        paths = [path for members in by_class.values() for path in members]
        labels = np.repeat(np.arange(len(by_class)), [len(members) for members in by_class.values()])
        headers = self._each(header, paths)
        sound = [h for h in headers if isinstance(h, Header)]
        size, note = (image_size, None) if image_size else _own_size(sound)
        channels = 1 if all(h.grey for h in sound) else 3
        scale, scale_note = sixteen_bit_scale(sound)
        images = np.zeros((len(paths), channels, size, size), dtype=np.uint8)
        rows = {path: row for row, path in enumerate(paths)}

        def fill(path: Path) -> str | None:
            row = rows[path]
            known = headers[row]
            return known if isinstance(known, str) else decode(path, images[row], scale)

        reasons = self._each(fill, paths)
        good = np.array([reason is None for reason in reasons], dtype=bool)
        broken = found.left_out | {p: r for p, r in zip(paths, reasons, strict=True) if r is not None}
        unreadable = tuple(f"{text(path.relative_to(root))}: {reason}" for path, reason in sorted(broken.items()))
        for c, name in enumerate(by_class):
            if not good[labels == c].any():
                first = next((line for line in unreadable if line.startswith(f"{name}/")), "")
                raise UserError(f"class '{name}' has no readable image", where="data.dataset", mend=first)
        return RawData(
            images=images if good.all() else images[good],
            labels=labels[good].astype(np.int64),
            classes=tuple(by_class),
            unreadable=unreadable,
            notes=tuple(filter(None, (note, scale_note, *found.notes()))),
        )

    def _path(self) -> Path:
        return Path(self.argument).expanduser().absolute()

    def _scan(self) -> FolderContents:
        """Raises UserError: missing, no subfolders, no images, one class, too few, or split already."""
        if not self.argument:
            raise bad("the path after folder: is not a folder")
        root = self._path()
        found = scan(root)
        total = sum(map(len, found.by_class.values()))
        if len(found.by_class) < 2:
            one = f"one class only, {next(iter(found.by_class))}" if found.by_class else "no images in its subfolders"
            raise bad(f"{root} has {one}", "two classes are the least")
        if total < MINIMUM_IMAGES:
            lacking = f"; {len(found.left_out)} files cannot be read" if found.left_out else ""
            raise bad(f"{root} has {total} images, too few{lacking}", f"{MINIMUM_IMAGES} are the least")
        return found

    def _each(self, work: Callable[[Path], Result], paths: Iterable[Path]) -> list[Result | str]:
        """Decoding runs outside Python's lock, so that threads use every core."""

        def watched(path: Path) -> Result | str:
            if str(path) in self.crashing:
                return self.crashing[str(path)]
            with self.journal.working_on(str(path)):
                return work(path)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(watched, paths))


def _own_size(headers: list[Header]) -> tuple[int, str | None]:
    """The one size of all images where it is a square in bounds; else MIXED_SIZE and a sentence that says so."""
    sizes = {h.size for h in headers}
    if len(sizes) == 1:
        width, height = next(iter(sizes))
        if width == height and 4 <= width <= 512:
            return width, None
    return MIXED_SIZE, f"images were cut to squares and resized to {MIXED_SIZE}; data.image_size sets another size"
