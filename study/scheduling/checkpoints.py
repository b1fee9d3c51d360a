"""Checkpoints of unfinished trials: a file an epoch, the previous one kept, on a folder or an object store."""

import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import TypeAdapter

from fitscape.study.errors import UserError
from fitscape.study.records import EpochRecord

T = TypeVar("T")
KEPT = 2  # the newest and the one before it, in case the newest is damaged
_NAME = re.compile(r"(\d{6,})\.ckpt")
_PARTIAL = ".partial"


class CheckpointStore:
    """``ROOT/TRIAL_ID/EPOCH.ckpt``. ROOT is a folder, or any URI that pyarrow opens (s3://, gs:// ...).

    A file appears whole or not at all: renamed into place on a file system; an object store's upload is atomic
    by itself. What a torn write of a failing disk would leave, the checksum inside the checkpoint finds.
    Stores are opened where they are used, so that this object can be sent to every node.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def save(self, trial_id: str, epoch: int, data: bytes) -> None:
        """Write one checkpoint and remove those older than the one before it.

        Raises:
            OSError: disk full, store unreachable.
        """
        fs, folder = self._open(trial_id)
        fs.create_dir(folder, recursive=True)
        write(fs, f"{folder}/{epoch:06d}.ckpt", data)
        for old in self._epochs(fs, folder)[KEPT:]:
            fs.delete_file(f"{folder}/{old:06d}.ckpt")

    def newest(self, trial_id: str, read: Callable[[int, bytes], T]) -> tuple[T | None, list[str]]:
        """What ``read`` makes of the epoch and bytes of the newest checkpoint, and a sentence for each refused.

        ``read`` refuses a checkpoint by ValueError; then the one before it is tried.
        """
        fs, folder = self._open(trial_id)
        refused: list[str] = []
        for epoch in self._epochs(fs, folder):
            try:
                with fs.open_input_stream(f"{folder}/{epoch:06d}.ckpt") as stream:
                    return read(epoch, stream.read()), refused
            except (ValueError, OSError) as error:
                refused.append(f"trial {trial_id}: checkpoint of epoch {epoch} is not used ({error})")
        return None, refused

    def delete(self, trial_id: str) -> None:
        """Remove a trial's checkpoints; nothing happens where there are none. What is none of ours stays."""
        from pyarrow.fs import FileSelector

        fs, folder = self._open(trial_id)
        entries = fs.get_file_info(FileSelector(folder, allow_not_found=True))
        ours = [entry for entry in entries if is_checkpoint(entry.base_name)]
        with contextlib.suppress(FileNotFoundError):
            if len(ours) == len(entries):
                fs.delete_dir(folder)
                return
            for entry in ours:
                fs.delete_file(entry.path)

    def sweep(self, ended: Iterable[str]) -> None:
        """Remove the checkpoints that a killed driver left of trials that have ended; what is not named stays."""
        from pyarrow.fs import FileSelector

        fs, folder = self._open("")
        there = {entry.base_name for entry in fs.get_file_info(FileSelector(folder, allow_not_found=True))}
        for trial_id in there.intersection(ended):
            self.delete(trial_id)

    def _open(self, trial_id: str) -> tuple[Any, str]:
        fs, root = open_storage(self.root)
        return fs, f"{root}/{trial_id}".rstrip("/")

    @staticmethod
    def _epochs(fs: Any, folder: str) -> list[int]:
        """Epochs that have a checkpoint, newest first. The number decides, not the clock."""
        from pyarrow.fs import FileSelector

        names = (entry.base_name for entry in fs.get_file_info(FileSelector(folder, allow_not_found=True)))
        return sorted((int(m[1]) for name in names if (m := _NAME.fullmatch(name))), reverse=True)


def is_checkpoint(name: str) -> bool:
    """Whether a file has the name of a checkpoint, or of one that was cut short."""
    return _NAME.fullmatch(name.removesuffix(_PARTIAL)) is not None


def with_record(record: EpochRecord, state: bytes) -> bytes:
    """A trial's state with the record of its epoch before it, in a line of JSON.

    A worker that is ended saves an epoch of which its driver may never hear: a later driver hears of it from here.
    """
    return json.dumps(asdict(record)).encode() + b"\n" + state


def split_record(data: bytes) -> tuple[EpochRecord, bytes]:
    """What ``with_record`` joined.

    Raises:
        ValueError: it joined something else.
    """
    head, _, state = data.partition(b"\n")
    return TypeAdapter(EpochRecord).validate_python(json.loads(head)), state


def open_storage(root: str) -> tuple[Any, str]:
    """A pyarrow file system and the path in it.

    Raises:
        UserError: the URI names no store that pyarrow knows.
    """
    from pyarrow.fs import FileSystem, LocalFileSystem

    if "://" not in root:
        return LocalFileSystem(), str(PurePosixPath(root))
    try:
        fs, path = FileSystem.from_uri(root)
    except (ValueError, OSError) as error:
        raise UserError(f"cannot be opened: {error}", where=root, mend="a folder, or s3://BUCKET/PATH") from error
    return fs, path.rstrip("/")


def copy_file(file: Path, storage: str) -> None:
    """Put a local file into a storage folder, under its own name, whole or not at all.

    Raises:
        OSError: it could not be written.
    """
    fs, folder = open_storage(storage)
    fs.create_dir(folder, recursive=True)
    write(fs, f"{folder}/{file.name}", file.read_bytes())


def fetch_file(storage: str, name: str, to: Path) -> bool:
    """Bring a file from a storage folder; False where there is none.

    Raises:
        OSError: the storage cannot be read.
    """
    from pyarrow.fs import FileType

    fs, folder = open_storage(storage)
    path = f"{folder}/{name}"
    if fs.get_file_info(path).type != FileType.File:
        return False
    with fs.open_input_stream(path) as stream:
        to.write_bytes(stream.read())
    return True


def write(fs: Any, path: str, data: bytes) -> None:
    """Renamed into place on a file system; an object store's upload is atomic by itself."""
    partial = f"{path}{_PARTIAL}" if fs.type_name == "local" else path
    with fs.open_output_stream(partial) as stream:
        stream.write(data)
    if partial != path:
        fs.move(partial, path)
