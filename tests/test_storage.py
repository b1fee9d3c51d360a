"""Files on storage: whole or not at all, with every option of its URI, and keys are not shown."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fitscape.study import storage
from fitscape.study.errors import UserError
from fitscape.study.storage import copy_file, fetch_file, open_storage, write


class Dying:
    """A file system whose streams die in the middle of what they are given."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    @contextmanager
    def open_output_stream(self, path: str, **given: Any) -> Iterator[Any]:
        with self._fs.open_output_stream(path, **given) as stream:

            def half(data: bytes) -> None:
                stream.write(data[: len(data) // 2])
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            yield SimpleNamespace(write=half)


def test_a_write_that_dies_half_way_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"as it was")
    fs, root = open_storage(str(tmp_path))
    for name in ("old", "new"):
        with pytest.raises(OSError, match="Input/output"):
            write(Dying(fs), f"{root}/{name}", b"something else, and much more")
    assert (tmp_path / "old").read_bytes() == b"as it was"
    assert not (tmp_path / "new").exists()


def test_a_file_goes_to_storage_and_back_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no backup is held in memory."""
    source, storage = tmp_path / "a.db", tmp_path / "storage"
    source.write_bytes(b"ledger")
    monkeypatch.setattr("fitscape.study.storage.PIECE", 4)
    copy_file(source, str(storage))
    assert fetch_file(str(storage), "a.db", tmp_path / "b.db")
    assert (tmp_path / "b.db").read_bytes() == b"ledger"
    assert not fetch_file(str(storage), "missing", tmp_path / "c.db")


def test_an_unknown_kind_of_storage_is_refused() -> None:
    with pytest.raises(UserError, match="nonsense://x"):
        open_storage("nonsense://x")


def test_every_option_of_a_store_survives_the_longer_wait() -> None:
    from pyarrow.fs import FileSystem

    uri = "s3://key:word@bucket/x?scheme=http&endpoint_override=127.0.0.1%3A1&region=eu-north-1&allow_bucket_creation=1"
    _, (asked,) = FileSystem.from_uri(uri)[0].__reduce__()
    fs, path = open_storage(uri)
    _, (ours,) = fs.__reduce__()
    assert path == "bucket/x"
    assert ours == asked | {"request_timeout": storage.ANSWER_WITHIN}


def test_keys_of_a_store_are_not_shown() -> None:
    assert storage.shown("s3://key:word@bucket/x?region=a") == "s3://bucket/x?region=a"
