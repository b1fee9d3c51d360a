"""A user's own images on their way to a cluster: packed into parts, sent once, unpacked where the study is driven.

A folder is known by an id, which hashes the names and contents of its files. Its parts are tar files; one that is there
already is not sent again, so that a transfer that was cut short goes on where it was.
"""

import contextlib
import hashlib
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.storage import FIX, listed, open_storage, shown, write

PART_BYTES = 64 * 2**20  # of files in a part; Ray's Jobs API takes packages of 100 MiB
UPLOADS = "uploads"  # folder of the storage, and of the data folder
MANIFEST = "manifest.json"
PACKAGE = "fitscape_upload"  # beginning of the name of a package that Ray brings


@dataclass(frozen=True)
class FolderPart:
    """Some files of a folder, by their paths in it."""

    name: str
    members: tuple[str, ...]
    size: int  # bytes


@dataclass(frozen=True)
class Upload:
    """A folder of images as it is sent."""

    id: str
    folder: Path
    parts: tuple[FolderPart, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(part.size for part in self.parts)

    def tar(self, part: FolderPart) -> bytes:
        """One part, the same bytes for the same files on every machine."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in part.members:
                file = self.folder / name
                entry = tarfile.TarInfo(name)
                entry.size = file.stat().st_size
                with file.open("rb") as content:
                    archive.addfile(entry, content)
        return buffer.getvalue()

    @classmethod
    def of(cls, folder: Path) -> "Upload":
        """Every file below a folder, but for what is hidden; read once, for its contents.

        Raises:
            UserError: a file cannot be read, or is larger than a part may be.
        """
        parts: list[FolderPart] = []
        whole, digest, size = hashlib.sha256(), hashlib.sha256(), 0
        members: list[str] = []
        for file in sorted(_files(folder)):
            name, length = file.relative_to(folder).as_posix(), file.stat().st_size
            if length > PART_BYTES:
                text = f"{file} has {length / 2**20:.0f} MiB, a file that is sent may have {PART_BYTES / 2**20:.0f}"
                raise UserError(
                    text,
                    where="data.dataset",
                    fix="put it where the cluster's machines see it, and add --no-upload",
                )
            if members and size + length > PART_BYTES:
                parts.append(FolderPart(_part_name(len(parts), digest), tuple(members), size))
                digest, members, size = hashlib.sha256(), [], 0
            line = f"{name}\0{_sha256(file)}\n".encode(errors="surrogateescape")
            whole.update(line)
            digest.update(line)
            members.append(name)
            size += length
        if members:
            parts.append(FolderPart(_part_name(len(parts), digest), tuple(members), size))
        return cls(whole.hexdigest()[:16], folder, tuple(parts))


def send(upload: Upload, storage: str, say: Callable[[str], None]) -> None:
    """Put the parts into ``STORAGE/uploads/ID``, the manifest last; what is there stays.

    Raises:
        UserError: the storage cannot be written.
    """
    try:
        fs, root = open_storage(storage)
        folder = f"{root}/{UPLOADS}/{upload.id}"
        fs.create_dir(folder, recursive=True)
        there = {entry.base_name for entry in listed(fs, folder)}
        if MANIFEST in there:
            say(f"{upload.folder} is in {shown(storage)} already, as {upload.id}")
            return
        sent = 0
        for part in upload.parts:
            if part.name not in there:
                write(fs, f"{folder}/{part.name}", upload.tar(part))
            sent += part.size
            say(f"{sent / 2**20:.0f} of {upload.size / 2**20:.0f} MiB of {upload.folder} are in {shown(storage)}")
        write(fs, f"{folder}/{MANIFEST}", json.dumps([part.name for part in upload.parts]).encode())
    except OSError as error:
        raise UserError(f"cannot be written: {error}", where=shown(storage), fix=FIX) from error


def packages(upload: Upload, to: Path) -> list[Path]:
    """The parts as folders that Ray's Jobs API sends, each below its limit; the last one holds the manifest too."""
    folders = []
    for number, part in enumerate(upload.parts):
        folder = to / f"{PACKAGE}_{upload.id}_{number:05d}"
        folder.mkdir()
        (folder / part.name).write_bytes(upload.tar(part))
        folders.append(folder)
    (folders[-1] / MANIFEST).write_text(json.dumps([part.name for part in upload.parts]))
    return folders


def fetch(id_: str, to: Path, storage: str | None) -> None:
    """Unpack an upload into the folder ``to``, whole or not at all: from what Ray has brought, or from storage.

    Raises:
        UserError: it is neither here nor there, or not whole.
    """
    where = f"upload:{id_}"
    try:
        _fetch(id_, to, storage, where)
    except OSError as error:
        raise UserError(f"cannot be fetched: {error}", where=where, fix=FIX) from error


def _fetch(id_: str, to: Path, storage: str | None, where: str) -> None:
    parts = dict(_brought(id_))
    if MANIFEST not in parts and storage is not None:
        parts = dict(_stored(id_, storage))
    if MANIFEST not in parts:
        there = f"in {shown(storage)}" if storage else "brought by the job, and FITSCAPE_STORAGE is not set"
        raise UserError(f"these images are not {there}", where=where, fix="submit the study again from their folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        for name in json.loads(parts[MANIFEST]()):
            if name not in parts:
                raise UserError(f"the part {name} is missing", where=where, fix="submit the study again")
            with tarfile.open(fileobj=io.BytesIO(parts[name]())) as archive:
                archive.extractall(whole, filter="data")
        with contextlib.suppress(OSError):  # another process was quicker
            whole.replace(to)
    if not to.is_dir():
        raise UserError(f"{to} cannot be written", where=where)


def _brought(id_: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Files of the packages that Ray has unpacked for this job."""
    for entry in sys.path:
        for folder in Path(entry).glob(f"{PACKAGE}_{id_}_*"):
            for file in folder.iterdir():
                yield file.name, file.read_bytes


def _stored(id_: str, storage: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    fs, root = open_storage(storage)
    for entry in listed(fs, f"{root}/{UPLOADS}/{id_}"):

        def read(path: str = entry.path) -> bytes:
            with fs.open_input_stream(path) as stream:
                content: bytes = stream.read()
                return content

        yield entry.base_name, read


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _part_name(number: int, digest: Any) -> str:
    return f"{number:05d}-{digest.hexdigest()[:16]}.tar"


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(file)) from error
