"""What a folder holds: images, and a reason for every file that is none."""

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fitscape.study.data.datasets.listing import refused, text

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


@dataclass
class PassedOver:
    """What a folder holds beside images that are read."""

    left_out: dict[Path, str] = field(default_factory=dict)  # file -> why it is not read
    other: Counter[str] = field(default_factory=Counter)  # suffix of no image -> number of files

    def notes(self, *, no_classes: Iterable[str], loose: int) -> tuple[str, ...]:
        """Sentences for the user.

        Args:
            no_classes: names of subfolders without images.
            loose: images beside the classes' folders.
        """
        said = []
        if names := ", ".join(no_classes):
            said.append(f"folders without images are not classes: {names}")
        if loose:
            said.append(f"{loose} images lie in no class's folder and are left out")
        if self.other:
            kinds = ", ".join(f"{suffix or 'no ending'} {count}" for suffix, count in sorted(self.other.items()))
            said.append(f"{self.other.total()} files that are not images were skipped: {kinds}")
        return tuple(said)


def subfolders(folder: Path) -> list[Path]:
    """Those that are not hidden, in order.

    Raises:
        UserError: the folder cannot be read, or two of them have one name as text.
    """
    shown = (p for p in _entries(folder) if not p.name.startswith(".") and p.name.lower() not in _UNPACKED)
    found = sorted(p for p in shown if p.is_dir())
    named: dict[str, Path] = {}
    for path in found:
        name = unicodedata.normalize("NFC", text(path.name))
        if name in named:
            raise refused(f"{text(folder)} holds two folders whose names read {name}", "rename one of them")
        named[name] = path
    return found


def loose_images(folder: Path) -> int:
    """Images that lie in the folder itself. Raises UserError: it cannot be read."""
    found = (p for p in _entries(folder) if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sum(p.is_file() for p in found)


def _entries(folder: Path) -> list[Path]:
    try:
        entries = list(folder.iterdir())
        for entry in entries:
            entry.is_dir()  # which a folder that may be listed but not entered refuses
    except OSError as error:
        raise refused(f"{text(folder)} cannot be read: {error.strerror}", "make it readable, or move it out") from error
    return entries


def images_below(folder: Path, passed: PassedOver | None = None) -> list[Path]:
    """Files of images that can be opened, sorted, at any depth; what else there is goes into ``passed``.

    Links to folders are followed, but for those that lead back to a folder they lie in.
    """
    passed = passed or PassedOver()

    def unreadable(error: OSError) -> None:
        passed.left_out[Path(error.filename)] = f"folder cannot be read: {error.strerror}"

    images = []
    for at, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in _UNPACKED]
        for name in [name for name in folders if _leads_back(Path(at) / name)]:
            folders.remove(name)
            passed.left_out[Path(at) / name] = "link to a folder that it lies in"
        base = Path(at)
        images += [path for name in files if _is_image(path := base / name, passed)]
    return sorted(images)


def _leads_back(path: Path) -> bool:
    return path.is_symlink() and path.resolve() in {parent.resolve() for parent in path.parents}


def _is_image(path: Path, passed: PassedOver) -> bool:
    suffix = path.suffix.lower()
    if path.name.startswith(".") or path.name.lower() in _JUNK:
        return False
    if suffix in FOREIGN_SUFFIXES:
        passed.left_out[path] = f"{suffix} files are not read"
    elif suffix not in SUFFIXES:
        passed.other[suffix] += 1
    elif reason := _no_plain_file(path):
        passed.left_out[path] = reason
    else:
        return True
    return False


def _no_plain_file(path: Path) -> str:
    """Why a file cannot be opened without risk; empty where it can. A pipe that nobody writes to is waited for."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"broken link to {text(os.readlink(path))}" if path.is_symlink() else "has gone"
    except OSError as error:
        return error.strerror or str(error)
    return "" if stat.S_ISREG(mode) else "no plain file"
