"""Checkpoints of unfinished trials: a file per epoch, the previous one kept, on a folder or an object store."""

import base64
import contextlib
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter

from fitscape.study.patience import insist
from fitscape.study.records import EpochRecord
from fitscape.study.storage import PARTIAL, listed, open_storage, shown, write

T = TypeVar("T")
T2 = TypeVar("T2")
GRACE = 300.0  # seconds
KEPT = 2  # the newest and the one before it, in case the newest is damaged
_NAME = re.compile(r"(\d{6,})\.ckpt")


class StorageLost(OSError):
    """The storage has been out of reach for longer than was to be waited."""


class CheckpointStore:
    """``ROOT/TRIAL_ID/EPOCH.ckpt``. ROOT is a folder, or any URI that pyarrow opens (s3://, gs:// ...).

    A file appears whole or not at all: renamed into place on a file system; an object store's upload is atomic
    by itself. What a torn write of a failing disk would leave, the checksum inside the checkpoint finds.
    Stores are opened where they are used, so that this object can be sent to every node.

    Args:
        root: folder or URI.
        grace: seconds that a storage out of reach is waited for; ``resources.storage_grace`` of a study.
    """

    def __init__(self, root: str, *, grace: float = GRACE) -> None:
        self.root, self.grace = root, grace
        self._refused: defaultdict[str, set[int]] = defaultdict(set)  # trial id -> epochs that `read` refused here

    def save(self, trial_id: str, epoch: int, data: bytes) -> None:
        """Write one checkpoint and remove those older than the one before it; refused ones go first.

        Raises:
            OSError: disk full, store unreachable.
        """
        fs, folder = self._open(trial_id)
        fs.create_dir(folder, recursive=True)
        write(fs, f"{folder}/{epoch:06d}.ckpt", data)
        refused = self._refused[trial_id]
        refused.discard(epoch)
        there = sorted(self._epochs(fs, folder), key=lambda old: old not in refused, reverse=True)  # newest first
        for old in there[KEPT:]:
            fs.delete_file(f"{folder}/{old:06d}.ckpt")

    def newest(
        self,
        trial_id: str,
        read: Callable[[int, bytes], T],
        waiting: Callable[[Exception], object] = lambda error: None,
    ) -> tuple[T | None, list[str]]:
        """What ``read`` makes of the epoch and bytes of the newest checkpoint, and a sentence for each refused.

        ``read`` refuses a checkpoint by ValueError, because of its content; then the one before it is tried. A
        storage that does not answer is asked again, with ``waiting`` called before each pause.

        Raises:
            StorageLost: it has not answered within the grace; whether there is a checkpoint is not known.
        """

        def ask(act: Callable[[], T2]) -> T2:
            return insist(act, within=self.grace, final=(FileNotFoundError,), waiting=waiting)

        def epochs() -> list[int]:
            return self._epochs(*self._open(trial_id))

        sentences: list[str] = []
        try:
            there = ask(epochs)
            for epoch in there:
                try:
                    return read(epoch, ask(lambda epoch=epoch: self._bytes(trial_id, epoch))), sentences  # type: ignore[misc]
                except FileNotFoundError:  # removed since it was listed
                    continue
                except ValueError as error:
                    why: Exception = error
                except OSError as error:
                    epochs()  # the storage answers: it is this file that cannot be read
                    why = error
                self._refused[trial_id].add(epoch)
                sentences.append(f"trial {trial_id}: checkpoint of epoch {epoch} is not used ({why})")
        except OSError as error:
            raise self._lost(error) from error
        return None, sentences

    def _bytes(self, trial_id: str, epoch: int) -> bytes:
        fs, folder = self._open(trial_id)
        with fs.open_input_stream(f"{folder}/{epoch:06d}.ckpt") as stream:
            data: bytes = stream.read()
        return data

    def clear(self, trial_id: str, waiting: Callable[[Exception], object] = lambda error: None) -> None:
        """``delete``, for as long as it takes the storage to answer.

        Raises:
            StorageLost: it has not answered within the grace.
        """
        try:
            insist(lambda: self.delete(trial_id), within=self.grace, waiting=waiting)
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> StorageLost:
        return StorageLost(f"{shown(self.root)} has been out of reach for {self.grace:g} s: {error}")

    def delete(self, trial_id: str) -> None:
        """Remove a trial's checkpoints; nothing happens where there are none. What is none of ours stays."""
        fs, folder = self._open(trial_id)
        entries = listed(fs, folder)
        ours = [entry for entry in entries if is_checkpoint(entry.base_name)]
        with contextlib.suppress(FileNotFoundError):
            if len(ours) == len(entries):
                fs.delete_dir(folder)
                return
            for entry in ours:
                fs.delete_file(entry.path)

    def sweep(self, ended: Iterable[str]) -> None:
        """Remove the checkpoints that a killed driver left of trials that have ended; what is not named stays."""
        fs, folder = self._open("")
        there = {entry.base_name for entry in listed(fs, folder)}
        for trial_id in there.intersection(ended):
            self.delete(trial_id)

    def try_to_sweep(self, ended: Iterable[str]) -> str:
        """``sweep``, or why it could not be done just now: the next driver does it."""
        try:
            self.sweep(ended)
        except OSError as error:
            return f"checkpoints of ended trials were not removed: {error}"
        return ""

    def _open(self, trial_id: str) -> tuple[Any, str]:
        fs, root = open_storage(self.root)
        return fs, f"{root}/{trial_id}".rstrip("/")

    @staticmethod
    def _epochs(fs: Any, folder: str) -> list[int]:
        """Epochs that have a checkpoint, newest first. The number decides, not the clock."""
        names = (entry.base_name for entry in listed(fs, folder))
        return sorted((int(m[1]) for name in names if (m := _NAME.fullmatch(name))), reverse=True)


def is_checkpoint(name: str) -> bool:
    """Whether a file has the name of a checkpoint, or of one that was cut short."""
    return _NAME.fullmatch(name.removesuffix(PARTIAL)) is not None


def with_records(records: Sequence[EpochRecord], state: bytes) -> bytes:
    """A trial's state, which checks itself, after a line of the records of all its epochs: a SHA-256, and packed JSON.

    A worker saves epochs of which the ledger may never hear: its driver ends while their reports wait to be written. A
    later driver hears of them from here.
    """
    packed = base64.b64encode(zlib.compress(json.dumps([asdict(record) for record in records]).encode(), 1))
    return hashlib.sha256(packed).hexdigest().encode() + b" " + packed + b"\n" + state


def split_records(data: bytes) -> tuple[tuple[EpochRecord, ...], bytes]:
    """What ``with_records`` joined, at least one record; 0.1.0 wrote the last one only, as JSON without a checksum.

    Raises:
        ValueError: it joined something else, or the line has changed since.
    """
    line, _, state = data.partition(b"\n")
    if line.startswith(b"{"):
        return (TypeAdapter(EpochRecord).validate_python(json.loads(line)),), state
    digest, _, packed = line.partition(b" ")
    if hashlib.sha256(packed).hexdigest().encode() != digest:
        raise ValueError("corrupt, the checksum of its records does not match")
    try:
        found = json.loads(zlib.decompress(base64.b64decode(packed)))
    except zlib.error as error:
        raise ValueError(f"its records cannot be unpacked: {error}") from None
    if not found:
        raise ValueError("it holds no epoch")
    return TypeAdapter(tuple[EpochRecord, ...]).validate_python(found), state
