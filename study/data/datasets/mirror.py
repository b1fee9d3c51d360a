"""Downloaded files of a data set on shared storage: what one node of a cluster has got, the next need not download."""

import hashlib
import json
from pathlib import Path
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.storage import open_storage, write

MIRROR = "datasets"  # folder of the storage
MANIFEST = "manifest.json"  # written last: SHA-256 by path


def fetch(storage: str, name: str, to: Path) -> bool:
    """Put the files of data set ``name`` into the folder ``to``; False where the storage has not all of them, sound.

    A storage that does not answer is one that has none.
    """
    try:
        fs, root = open_storage(storage)
        folder = f"{root}/{MIRROR}/{name}"
        manifest: dict[str, str] = json.loads(_read(fs, f"{folder}/{MANIFEST}"))
        for path, digest in manifest.items():
            target = to / path
            if not target.resolve().is_relative_to(to.resolve()):
                return False
            data = _read(fs, f"{folder}/{path}")
            if hashlib.sha256(data).hexdigest() != digest:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except (OSError, ValueError, UserError):
        return False
    return bool(manifest)


def keep(storage: str, name: str, folder: Path) -> None:
    """Put the files below ``folder`` there, for others. A storage that takes nothing holds nobody up."""
    try:
        fs, root = open_storage(storage)
        there = f"{root}/{MIRROR}/{name}"
        manifest = {}
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            path, data = file.relative_to(folder).as_posix(), file.read_bytes()
            fs.create_dir(f"{there}/{path}".rpartition("/")[0], recursive=True)
            write(fs, f"{there}/{path}", data)
            manifest[path] = hashlib.sha256(data).hexdigest()
        write(fs, f"{there}/{MANIFEST}", json.dumps(manifest).encode())
    except (OSError, UserError):
        return


def _read(fs: Any, path: str) -> bytes:
    with fs.open_input_stream(path, compression=None) as stream:  # or pyarrow would unpack a .gz
        data: bytes = stream.read()
    return data
