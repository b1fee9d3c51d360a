"""Files on storage that every node reaches: a folder, or any URI that pyarrow opens (s3://, gs:// ...)."""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from fitscape.study.errors import UserError
from fitscape.study.files import whole_file

PARTIAL = ".partial"
FIX = "is FITSCAPE_STORAGE right?"
PIECE = 1 << 22  # bytes of a file that are held at once
ANSWER_WITHIN = 30.0  # seconds that an object store may take to answer; pyarrow's own 3 are too few for a busy one
ATTEMPTS = 5  # of each request, for about 8 s where the store refuses: a throttled store asks for that


def open_storage(root: str) -> tuple[Any, str]:
    """A pyarrow file system and the path in it.

    Raises:
        UserError: the URI names no store that pyarrow knows.
        OSError: the store is out of reach.
    """
    from pyarrow.fs import FileSystem, LocalFileSystem

    if "://" not in root:
        return LocalFileSystem(), str(Path(root).expanduser().absolute())
    try:
        fs, path = FileSystem.from_uri(root)
    except ValueError as error:
        raise UserError(f"cannot be opened: {error}", where=shown(root), fix="a folder, or s3://BUCKET/PATH") from error
    return _patient(fs), path.rstrip("/")


def _patient(fs: Any) -> Any:
    """The same store, given more time where it is slow: a URI cannot say that, and pickling tells all options."""
    if fs.type_name != "s3":
        return fs
    from pyarrow.fs import AwsStandardS3RetryStrategy

    _, (options,) = fs.__reduce__()
    retries = AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS)
    return type(fs)(**options | {"request_timeout": ANSWER_WITHIN, "retry_strategy": retries})


def listed(fs: Any, folder: str, *, recursive: bool = False) -> list[Any]:
    """What is in a folder, as pyarrow's FileInfo; nothing where there is none. Raises OSError."""
    from pyarrow.fs import FileSelector

    found: list[Any] = fs.get_file_info(FileSelector(folder, allow_not_found=True, recursive=recursive))
    return found


def is_file(fs: Any, path: str) -> bool:
    """Raises OSError."""
    from pyarrow.fs import FileType

    return bool(fs.get_file_info(path).type == FileType.File)


def shown(root: str) -> str:
    """A URI without its keys."""
    return re.sub(r"//[^/@]+@", "//", root)


def copy_file(file: Path, storage: str) -> None:
    """Put a local file into a storage folder, under its own name, whole or not at all. Raises OSError.

    It passes through in pieces: the backup of a ledger may be larger than the memory.
    """
    fs, folder = open_storage(storage)
    fs.create_dir(folder, recursive=True)
    with file.open("rb") as source:
        _write(fs, f"{folder}/{file.name}", iter(lambda: source.read(PIECE), b""))


def fetch_file(storage: str, name: str, to: Path) -> bool:
    """Bring a file from a storage folder, whole or not at all; False where there is none. Raises OSError."""
    with _opened(storage, name) as stream:
        if stream is None:
            return False
        with whole_file(to) as partial, partial.open("wb") as copy:
            shutil.copyfileobj(stream, copy, PIECE)
        return True


def write_storage(storage: str, name: str, data: bytes) -> None:
    """Put a file into a storage folder, whole or not at all.

    Raises:
        OSError: it could not be written.
    """
    fs, folder = open_storage(storage)
    fs.create_dir(folder, recursive=True)
    write(fs, f"{folder}/{name}", data)


def read_storage(storage: str, name: str) -> bytes | None:
    """A file of a storage folder; None where there is none.

    Raises:
        OSError: the storage cannot be read.
    """
    with _opened(storage, name) as stream:
        data: bytes | None = None if stream is None else stream.read()
        return data


def in_storage(storage: str, name: str) -> bool:
    """Whether a storage folder has such a file. Raises OSError where it cannot be read."""
    with _opened(storage, name) as stream:
        return stream is not None


@contextmanager
def _opened(storage: str, name: str) -> Iterator[Any]:
    """A stream of a file; None where there is none."""
    fs, folder = open_storage(storage)
    path = f"{folder}/{name}"
    stream = None
    if is_file(fs, path):
        with suppress(FileNotFoundError):  # removed since it was seen
            stream = fs.open_input_stream(path)
    with stream or nullcontext():
        yield stream


def write(fs: Any, path: str, data: bytes) -> None:
    """Whole or not at all: renamed into place on a file system; an object store's upload is atomic. Raises OSError."""
    _write(fs, path, (data,))


def _write(fs: Any, path: str, pieces: Iterable[bytes]) -> None:
    partial = f"{path}{PARTIAL}" if fs.type_name == "local" else path
    with fs.open_output_stream(partial, compression=None) as stream:  # or pyarrow would pack a .gz once more
        for piece in pieces:
            stream.write(piece)
    if partial != path:
        fs.move(partial, path)
