"""A user's folder of images, one subfolder a class; images of any size and mode."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from fitscape.study.data.datasets.decoding import Header, decode, header
from fitscape.study.data.datasets.source import MINIMUM_IMAGES, Presence, RawData, Source
from fitscape.study.errors import UserError

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
READY_SPLITS = {"train", "training", "val", "valid", "validation", "test"}
MIXED_SIZE = 64  # side of the images where they differ and no image_size is given

Item = TypeVar("Item")
Result = TypeVar("Result")


class ImageFolder(Source):
    """Images below ``PATH/CLASS/``, at any depth; what is hidden or has no image's suffix is passed over.

    Each image becomes a square by cutting the longer side alike at both ends, then antialiased resizing. All grey
    makes one channel, otherwise three; 16-bit grey is scaled to 8, transparent parts lie on white.
    """

    name = "folder"
    description = "your own images: folder:PATH, a class a subfolder"

    def presence(self) -> Presence:
        by_class = self._scan()
        total = sum(map(len, by_class.values()))
        return Presence(self.name, self._path(), f"{total} images in {len(by_class)} classes in {self._path()}")

    def files(self) -> list[Path]:
        return [path for paths in self._scan().values() for path in paths]

    def read(self, image_size: int | None) -> RawData:
        by_class = self._scan()
        paths = [path for members in by_class.values() for path in members]
        labels = np.repeat(np.arange(len(by_class)), [len(members) for members in by_class.values()])
        headers = _each(header, paths)
        sound = [h for h in headers if isinstance(h, Header)]
        size, note = (image_size, None) if image_size else _own_size(sound)
        channels = 1 if all(h.grey for h in sound) else 3
        images = np.zeros((len(paths), channels, size, size), dtype=np.uint8)

        def fill(row: int) -> str | None:
            found = headers[row]
            return found if isinstance(found, str) else decode(paths[row], images[row])

        reasons = _each(fill, range(len(paths)))
        good = np.array([reason is None for reason in reasons])
        for c, name in enumerate(by_class):
            if not good[labels == c].any():
                raise UserError(f"class '{name}' has no readable image", where="data.dataset")
        root = self._path()
        broken = [f"{_text(p.relative_to(root))}: {r}" for p, r in zip(paths, reasons, strict=True) if r is not None]
        return RawData(
            images=images if good.all() else images[good],
            labels=labels[good].astype(np.int64),
            classes=tuple(by_class),
            unreadable=tuple(broken),
            notes=() if note is None else (note,),
        )

    def _path(self) -> Path:
        return Path(self.argument).expanduser().absolute()

    def _scan(self) -> dict[str, list[Path]]:
        """Class name -> its image files, both sorted.

        Raises:
            UserError: missing, no subfolders, no images, one class, too few, or split into train and test already.
        """
        root = self._path()
        if not self.argument or not root.is_dir():
            raise _bad(f"{self.argument or 'the path after folder:'} is not a folder")
        subfolders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        if not subfolders:
            raise _bad(f"{root} has no subfolders", "put each class's images into a subfolder of its name")
        if {p.name.lower() for p in subfolders} <= READY_SPLITS:
            names = ", ".join(p.name for p in subfolders)
            raise _bad(f"{root} holds {names}, which are parts and not classes", "name a folder of classes")
        by_class = {_text(p.name): images for p in subfolders if (images := _images_below(p))}
        if len(by_class) < 2:
            found = f"one class only, {next(iter(by_class))}" if by_class else "no images in its subfolders"
            raise _bad(f"{root} has {found}", "two classes are the least")
        total = sum(map(len, by_class.values()))
        if total < MINIMUM_IMAGES:
            raise _bad(f"{root} has {total} images, too few", f"{MINIMUM_IMAGES} are the least")
        return by_class


def _bad(what: str, mend: str = "") -> UserError:
    return UserError(what, where="data.dataset", mend=mend)


def _images_below(folder: Path) -> list[Path]:
    found = (Path(at) / file for at, _, files in os.walk(folder) for file in files)
    shown = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(p for p in shown if p.suffix.lower() in SUFFIXES)


def _text(path: Path | str) -> str:
    """A name as text: bytes of it that are no UTF-8 are escaped, as no page and no server would take them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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
