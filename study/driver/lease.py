"""Whose a place on shared storage is: one study's for ever, one driver's at a time, wherever drivers run.

The lock in a study's folder holds between the processes that see that folder. Two machines that share nothing but the
storage need a sign there: who the owner is, and that its driver lives.
"""

import json
import os
import socket
import threading
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from fitscape.study.driver.folder import Folder
from fitscape.study.errors import StudyLocked, UserError
from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.storage import fetch_file, read_storage, write_storage
from fitscape.study.threads import Lasting

OWNER = "owner.json"
BEAT_EVERY = 5.0  # seconds
LEASE = 20.0  # seconds of a readable storage without a beat, after which a driver elsewhere counts as gone
LONG_AGO = 600.0  # seconds since the last beat, by two machines' clocks: then there is nothing to watch for
CALLS_OF_A_BEAT = 5  # to the storage, over those of one look
SETTLE = 0.5  # seconds after which two that claimed at once see whose sign stayed
FIX = "choose another --name or another FITSCAPE_STORAGE"


@dataclass(frozen=True)
class Owner:
    """What the sign says. ``token`` is the driver's own; empty where none is at work."""

    uid: str  # of the study
    holder: str
    lock: str  # the lock that the driver holds in its folder
    token: str
    beat: float  # seconds since the Unix epoch, at the driver


class Lease:
    """A driver's right to write below ``STORAGE/NAME``. Without shared storage there is nothing to claim.

    Args:
        folder: the study's; the caller holds its lock.
        interruption: requested when another driver has taken the storage over, which ends this run.
    """

    def __init__(self, folder: Folder, interruption: Interruption) -> None:
        self._folder, self._interruption = folder, interruption
        self._mine: Owner | None = None
        self._closing = threading.Event()

    def look(self) -> None:
        """Refuse at once, for a study that is new, a place that is another's.

        Raises:
            UserError: it is another study's.
            OSError: the storage is out of reach.
        """
        there = read_owner(self._folder) if self._folder.storage is not None else None
        if there is not None and there.lock != _lock_id(self._folder):
            raise UserError(f"is another study's, of {there.holder}", where=self._folder.place, fix=FIX)

    def claim(self, uid: str) -> None:
        """Take the place for the study ``uid``; from then on beat.

        Raises:
            UserError: it is another study's. StudyLocked: another driver of this study is at work.
            OSError: the storage is out of reach.
        """
        if self._folder.storage is None:
            return
        here = _lock_id(self._folder)
        there = read_owner(self._folder)
        if there is None:
            self._require_own_backup(uid)
        elif there.uid != uid and there.lock != here:  # of our own lock: a driver that died before its ledger was there
            raise UserError(f"is another study's, of {there.holder}", where=self._folder.place, fix=FIX)
        elif there.token and there.lock != here:
            self._watch(there)
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._mine = Owner(uid, holder, here, uuid.uuid4().hex, time.time())
        self._write(self._mine)
        time.sleep(SETTLE)
        if not self.holds():
            raise self._taken()
        Lasting("the storage's lease", self._beat, lambda text: None).start()

    def holds(self) -> bool:
        """Whether the place is still this driver's: to be asked before anything there is replaced or removed.

        Raises:
            OSError: the storage is out of reach.
        """
        if self._mine is None:
            return self._folder.storage is None
        there = read_owner(self._folder)
        held = there is not None and there.token == self._mine.token
        if not held:
            self._interruption.request(str(self._taken()))
        return held

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that no driver is at work; the owner stays."""
        self._closing.set()
        try:
            if self._mine is not None and self.holds():
                self._write(replace(self._mine, token=""))
        except OSError:  # out of reach: the lease runs out by itself
            return

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_EVERY):
            try:
                if not self.holds():
                    return
                assert self._mine is not None
                self._write(replace(self._mine, beat=time.time()))
            except OSError:  # nobody else can write there now either
                continue

    def _watch(self, before: Owner) -> None:
        """Until the other driver beats, or has not for a lease; clocks of two machines are not compared for that.

        A storage that is slow to answer us is slow to take its beats: then a lease is longer.
        """
        if time.time() - before.beat > LONG_AGO:
            return
        begun, slowest = time.monotonic(), 0.0
        while time.monotonic() < begun + LEASE + CALLS_OF_A_BEAT * slowest:
            time.sleep(min(1.0, LEASE))
            asked = time.monotonic()
            there = read_owner(self._folder)
            slowest = max(slowest, time.monotonic() - asked)
            if there is not None and there.beat != before.beat:
                if not there.token:
                    return
                raise StudyLocked(
                    f"held by {there.holder}", where=self._folder.place, fix="wait until it ends, or stop it"
                )

    def _require_own_backup(self, uid: str) -> None:
        """A storage of before there were owners."""
        with TemporaryDirectory() as scratch:
            backup = Path(scratch) / self._folder.backup.name
            if fetch_file(self._folder.shared, backup.name, backup):
                with Ledger.open(backup, read_only=True) as ledger:
                    if ledger.uid != uid:
                        raise UserError("holds the backup of another study", where=self._folder.place, fix=FIX)

    def _write(self, owner: Owner) -> None:
        write_storage(self._folder.shared, OWNER, json.dumps(asdict(owner)).encode())

    def _taken(self) -> StudyLocked:
        return StudyLocked(
            "another driver has taken it over", where=self._folder.place, fix="find it, and stop one of the two"
        )


def read_owner(folder: Folder) -> Owner | None:
    """The sign in the study's place on storage; None where there is none. Raises OSError: out of reach."""
    data = read_storage(folder.shared, OWNER)
    if data is None:
        return None
    try:
        return Owner(**json.loads(data))
    except (ValueError, TypeError):  # of another version, or not ours: then it is nobody's to take
        return Owner("", "an unknown driver", "", "", 0.0)


def _lock_id(folder: Folder) -> str:
    """The lock file as this machine's kernel knows it: whoever holds the same is this process, or is gone."""
    status = folder.lock.stat()
    boot = Path("/proc/sys/kernel/random/boot_id")
    machine = boot.read_text().strip() if boot.is_file() else socket.gethostname()
    return f"{machine}:{status.st_dev}:{status.st_ino}"
