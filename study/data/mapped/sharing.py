"""Mapped images on their way to the nodes of a cluster: put once into shared storage, fetched once a node."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fitscape.study.data.datasets.source import data_folder
from fitscape.study.data.mapped.lock import locked
from fitscape.study.data.mapped.parts import OPEN, Mapped, file_name
from fitscape.study.data.place import PREPARED, CacheDamaged, writable
from fitscape.study.data.room import gigabytes, require_disk
from fitscape.study.errors import UserError
from fitscape.study.storage import FIX, open_storage, shown

BLOCK = 2**24  # bytes that are read and written together
FETCHED = "fetched-"  # beginning of the name of a folder that holds what was fetched


def put_images(images: Mapped, storage: str, say: Callable[[str], None]) -> Mapped:
    """Put train and validation, never test, into ``STORAGE/prepared/NAME``; what is there whole stays.

    Returns:
        The images, for nodes that fetch them from there.

    Raises:
        UserError: the storage cannot be written.
    """
    source = Path(images.folder)
    try:
        fs, root = open_storage(storage)
        folder = f"{root}/{PREPARED}/{source.name}"
        fs.create_dir(folder, recursive=True)
        for part in OPEN:
            file = source / file_name(part)
            target = f"{folder}/{file.name}"
            if fs.get_file_info(target).size == file.stat().st_size:
                continue
            say(f"putting {gigabytes(file.stat().st_size)} of {part} images into {shown(storage)}, for the other nodes")
            partial = f"{target}.{os.getpid()}" if fs.type_name == "local" else target
            with file.open("rb") as content, fs.open_output_stream(partial, compression=None) as stream:
                shutil.copyfileobj(content, stream, BLOCK)
            if partial != target:
                fs.move(partial, target)
    except OSError as error:
        raise UserError(f"cannot be written: {error}", where=shown(storage), fix=FIX) from error
    return images.through(storage)


def fetch(images: Mapped) -> Path:
    """Bring the images from their storage to this node's disk, by one of its processes; returns their folder.

    Raises:
        CacheDamaged: the storage has not all of them.
        UserError: this node's disk is too small.
    """
    assert images.storage is not None
    name = Path(images.folder).name
    folder = writable(data_folder(None) / PREPARED) / f"{FETCHED}{name}"
    try:
        fs, root = open_storage(images.storage)
        with locked(folder, lambda: None):
            if _is_whole(images, folder):
                return folder
            require_disk(folder, images.bytes)
            for part in OPEN:
                target = folder / file_name(part)
                with (
                    fs.open_input_stream(f"{root}/{PREPARED}/{name}/{target.name}", compression=None) as stream,
                    target.with_suffix(".partial").open("wb") as file,
                ):
                    shutil.copyfileobj(stream, file, BLOCK)
                target.with_suffix(".partial").replace(target)
    except OSError as error:
        raise CacheDamaged(f"the prepared images cannot be fetched from {shown(images.storage)}: {error}") from error
    return folder


def _is_whole(images: Mapped, folder: Path) -> bool:
    try:
        images.here(folder)
    except CacheDamaged:
        return False
    return True
