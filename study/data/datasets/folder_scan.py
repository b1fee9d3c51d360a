"""What a folder of images holds: the images of each class, and a reason for every file that is none."""

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fitscape.study.errors import UserError

SUFFIXES = frozenset(
    {
        *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png"),
        *(".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)
# Formats of images that are not read: such a file is named as left out, where a text file is only counted.
FOREIGN_SUFFIXES = frozenset(
    {
        *(".arw", ".avif", ".cr2", ".dcm", ".dng", ".exr", ".fits", ".h5", ".hdr", ".heic", ".heif", ".ico", ".jp2"),
        *(".jxl", ".mat", ".nef", ".nii", ".npy", ".npz", ".pdf", ".psd", ".raw", ".svg", ".tfrecord", ".tga"),
    }
)
_JUNK = frozenset({"thumbs.db", "desktop.ini"})  # what operating systems leave everywhere
_UNPACKED = frozenset({"__macosx"})  # beside the content of an archive that was made on a Mac
_PART = re.compile(
    r"(train|training|trainval|val|valid|validation|dev|eval|evaluation|test|testing|holdout)"
    r"[ _-]?(\d{4}|set|data|images|imgs|split)?"
)


@dataclass
class FolderContents:
    """``by_class`` has a class for each folder that holds images, readable or not; all lists are sorted."""

    by_class: dict[str, list[Path]] = field(default_factory=dict)
    left_out: dict[Path, str] = field(default_factory=dict)  # file -> why it is no image
    passed_over: Counter[str] = field(default_factory=Counter)  # suffix of no image -> number of files
    no_classes: list[str] = field(default_factory=list)  # subfolders without images
    loose: int = 0  # images beside the classes' folders

    def notes(self) -> list[str]:
        """Sentences about what was passed over."""
        said = []
        if self.no_classes:
            said.append(f"folders without images are no classes: {', '.join(self.no_classes)}")
        if self.loose:
            said.append(f"{self.loose} images lie in no class's folder and are left out")
        if self.passed_over:
            kinds = ", ".join(f"{suffix or 'no ending'} {count}" for suffix, count in self.passed_over.most_common())
            said.append(f"{self.passed_over.total()} files that are no images were passed over: {kinds}")
        return said


def scan(root: Path) -> FolderContents:
    """Look through ``ROOT/CLASS/``, at any depth. What is hidden is passed over.

    Raises:
        UserError: missing, no subfolders, or split into train and test already.
    """
    if not root.is_dir():
        raise bad(f"{root} is not a folder")
    shown = [p for p in sorted(root.iterdir()) if not p.name.startswith(".") and p.name.lower() not in _UNPACKED]
    subfolders = [p for p in shown if p.is_dir()]
    if not subfolders:
        raise bad(f"{root} has no subfolders", "put each class's images into a subfolder of its name")
    found = FolderContents(loose=sum(p.suffix.lower() in SUFFIXES for p in shown if p.is_file()))
    for folder in subfolders:
        images = _images_below(folder, found)
        if images or any(folder in path.parents for path in found.left_out):
            found.by_class[text(folder.name)] = images
        else:
            found.no_classes.append(text(folder.name))
    _require_classes(root, found)
    return found


def text(path: Path | str) -> str:
    """A name as text: bytes of it that are no UTF-8 are escaped, as no page and no server would take them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def bad(what: str, mend: str = "") -> UserError:
    return UserError(what, where="data.dataset", mend=mend)


def _require_classes(root: Path, found: FolderContents) -> None:
    """Refuse a data set that is split already: its parts are no classes."""
    parts = [name for name in found.by_class if _PART.fullmatch(name.lower())]
    inside = [name for name in parts if _has_classes(root / name)]
    if len(parts) > 1 or (inside and len(found.by_class) < 3):
        names = ", ".join(parts)
        which = "is a part and not a class" if len(parts) == 1 else "which are parts and not classes"
        what = f"{root} holds {names}, {which}" if len(parts) > 1 else f"{root}/{names} {which}"
        raise bad(what, f"name a folder of classes, as folder:{root / parts[0]}")


def _has_classes(folder: Path) -> bool:
    """Whether a folder holds no images itself, but two folders and more that do."""
    try:
        entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
    except OSError:
        return False
    if any(p.is_file() and p.suffix.lower() in SUFFIXES for p in entries):
        return False
    return sum(any(_images_below(p, FolderContents())) for p in entries if p.is_dir()) > 1


def _images_below(folder: Path, found: FolderContents) -> list[Path]:
    """The images of one folder; what else it holds goes into ``found``."""
    images = []
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in _UNPACKED]
        for name in files:
            path, suffix = Path(at) / name, Path(name).suffix.lower()
            if name.startswith(".") or name.lower() in _JUNK:
                continue
            if suffix in FOREIGN_SUFFIXES:
                found.left_out[path] = f"{suffix} files are not read"
            elif suffix not in SUFFIXES:
                found.passed_over[suffix] += 1
            elif reason := _no_plain_file(path):
                found.left_out[path] = reason
            else:
                images.append(path)
    return sorted(images)


def _no_plain_file(path: Path) -> str:
    """Why a file cannot be opened without risk; empty where it can. A pipe that nobody writes to is waited for."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"broken link to {text(os.readlink(path))}" if path.is_symlink() else "has gone"
    except OSError as error:
        return error.strerror or str(error)
    return "" if stat.S_ISREG(mode) else "no plain file"
