"""A user's folder of images: one subfolder per class, or the parts of a ready split with the classes below each."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from fitscape.study.data.datasets import image_files
from fitscape.study.data.datasets.folder_scan import PassedOver, images_below, loose_images, subfolders
from fitscape.study.data.datasets.listed import ListedSource
from fitscape.study.data.datasets.listing import (
    FOLDER,
    SPELLINGS,
    Listing,
    groups_of_names,
    numbered,
    refused,
    text,
)
from fitscape.study.data.datasets.source import Labels, Presence


class ImageFolder(ListedSource):
    """Images below ``PATH/CLASS/`` or ``PATH/PART/CLASS/``, at any depth; what is hidden or no image is passed over.

    Parts are called train, val and test, in any usual spelling; they are used as they are. Each image becomes a square
    by cutting the longer side alike at both ends, then antialiased resizing. All grey makes one channel, otherwise
    three; 16 bits a value are scaled to 8, from as many bits as the largest value of the data set needs (8, 10, 12 or
    16); transparent parts lie on white.
    """

    name = "folder"
    argument_name = "PATH"
    description = "your own images: folder:PATH, one subfolder per class, below train, val and test if you have a split"

    def presence(self) -> Presence:
        return image_files.presence(self.name, self.listing(), self._path(), self._path())

    def files(self) -> list[Path]:
        return list(self.listing().paths)

    def _look(self) -> Listing:
        """Every image file with its class, and its part and group where there are such; sorted.

        Raises:
            UserError: missing, no subfolders, no images, one class, too few, or parts whose classes disagree.
        """
        root = self._path()
        if not self.argument or not root.is_dir():
            raise refused(f"{self.argument or 'the path after folder:'} is not a folder")
        passed = PassedOver()
        below = {folder: images_below(folder, passed) for folder in subfolders(root)}
        if not below:
            raise refused(f"{root} has no subfolders", "put each class's images into a subfolder of its name")
        # Folders that cannot be read, and those that hold files that cannot.
        left = {folder for path in passed.left_out for folder in (path, *path.parents)}
        if not any(below.values()) and not passed.left_out:
            raise refused(f"{root} has no images in its subfolders", "put each class's images into a subfolder")
        with_images = [folder for folder, images in below.items() if images or folder in left]
        split = _ready_split(root, with_images)
        folders = with_images if split is None else [c for part in split for c in class_folders(part, left)]
        classes = tuple(sorted({text(folder.name) for folder in folders}))
        rows = [(path, folder) for folder in folders for path in (below.get(folder) or images_below(folder))]
        names = [text(path.relative_to(root)) for path, _ in rows]
        return Listing(
            root=root,
            paths=tuple(path for path, _ in rows),
            labels=np.array([classes.index(text(folder.name)) for _, folder in rows], dtype=np.int64),
            classes=classes,
            parts=None if split is None else np.array([split[folder.parent] for _, folder in rows], dtype=np.int8),
            groups=self._groups(rows, names),
            left_out=passed.left_out,
            notes=passed.notes(
                no_classes=[text(folder.name) for folder in below if folder not in with_images],
                loose=loose_images(root),
            ),
        ).require_usable(allow_group_leak=self.allow_group_leak)

    def _groups(self, rows: list[tuple[Path, Path]], names: list[str]) -> Labels | None:
        if self.groups is None:
            return None
        if self.groups == FOLDER:
            return numbered(
                [
                    name if path.parent == folder else text(path.parent.relative_to(folder.parent))
                    for (path, folder), name in zip(rows, names, strict=True)
                ]
            )
        return groups_of_names(self.groups, names)


def _ready_split(root: Path, folders: list[Path]) -> dict[Path, int] | None:
    """The part of each subfolder where they are parts; None where they are classes.

    Raises:
        UserError: parts beside classes, one part alone, or two spellings of one part.
    """
    parts = {folder: SPELLINGS[folder.name.lower()] for folder in folders if folder.name.lower() in SPELLINGS}
    if len(parts) < 2:
        alone = [folder for folder in parts if not loose_images(folder) and len(class_folders(folder)) > 1]
        if alone and len(folders) > 1:
            beside = ", ".join(folder.name for folder in folders if folder not in alone)
            what = f"{root} holds {alone[0].name}, which is a part with classes of its own, beside {beside}"
            raise refused(what, f"name folder:{alone[0]}")
        if len(parts) == 1 and len(folders) == 1:
            raise refused(
                f"{root} holds {folders[0].name} alone, which is a part and not a class", f"name {folders[0]}"
            )
        return None  # a class may well be called test
    others = [folder.name for folder in folders if folder not in parts]
    names = ", ".join(folder.name for folder in parts)
    if others:
        raise refused(f"{root} holds {names}, which are parts, beside {', '.join(others)}", "move one or the other out")
    if len(set(parts.values())) < len(parts):
        raise refused(f"{root} holds {names}: two of them are the same part", "merge them, or move one out")
    for folder in parts:
        if not class_folders(folder):
            raise refused(f"{folder} has no class folders", "put each class's images into a subfolder, or move it out")
    return {folder: int(part) for folder, part in parts.items()}


def class_folders(part: Path, left: Collection[Path] = ()) -> list[Path]:
    """Those of a part's subfolders that hold images, or are among ``left``, whose files cannot be read."""
    return [folder for folder in subfolders(part) if folder in left or images_below(folder)]
