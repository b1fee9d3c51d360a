"""The SQLite file under the ledger: opening, transactions, backup, errors in the user's words."""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.resources import files
from itertools import chain, count
from pathlib import Path
from typing import Any

from fitscape.study.errors import LedgerDamaged, UserError
from fitscape.study.files import BACKUP, whole_file
from fitscape.study.ledger.migration import SCHEMA_VERSION, complete, is_current, migrate

APPLICATION_ID = 0x46495453  # "FITS": marks a ledger among other SQLite files
BUSY_SECONDS = 10  # what a writer waits for another process's transaction, each of which takes about a millisecond

Fill = Callable[[sqlite3.Connection], None]


class Database:
    """One connection, guarded by a lock, so that several threads may share it.

    ``create`` writes the first rows of a new file, in the transaction that lays its schema.
    """

    def __init__(self, path: Path, *, read_only: bool = False, create: Fill | None = None) -> None:
        self.path = path
        self.closed = False
        self.kept: Path | None = None  # the copy of the old file, where opening it changed it
        self._guard = threading.RLock()
        self._read_only = read_only
        if create is None and not path.is_file():
            raise UserError("there is no ledger here", where=str(path), fix="is the study's name right?")
        with translated(path):
            if read_only:
                self._connection = _connect_to_read(path)
            else:
                self._connection = _connect(path, "rw" if create is None else "rwc")
            self._check(create, read_only)

    def _check(self, create: Fill | None, read_only: bool) -> None:
        try:
            if create is not None:
                self._build(create)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            kind = self._connection.execute("PRAGMA application_id").fetchone()[0]
            if kind != APPLICATION_ID or version < 1:
                raise LedgerDamaged("this is not a ledger", where=str(self.path), fix=_backup_hint(self.path))
            if version > SCHEMA_VERSION:
                fix = f"this program reads up to version {SCHEMA_VERSION}: install a newer fitscape"
                raise UserError(f"the ledger has version {version}", where=str(self.path), fix=fix)
            found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise _damaged(self.path, found)
            if not read_only:
                self._connection.execute("PRAGMA journal_mode = WAL")  # a backup put in place has none
                self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def _build(self, fill: Fill) -> None:
        """Schema and first rows in one transaction: a kill meanwhile leaves an empty file, built anew next time."""
        if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            fix = "resume the study, or choose another name"
            raise UserError("a study is already here", where=str(self.path), fix=fix)
        schema = files("fitscape.study.ledger").joinpath("schema.sql").read_text()
        self._connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {SCHEMA_VERSION}; {schema}"
        )
        complete(self._connection)
        fill(self._connection)
        self._connection.execute("COMMIT")

    def _migrate(self) -> None:
        """What an earlier release wrote becomes a ledger of this one, whole or not at all, after a copy of it."""
        if is_current(self._connection):
            return
        try:
            with self.write(durable=True) as connection:
                if not is_current(connection):  # another process may have been faster
                    migrate(connection, self._keep)
        except OSError as error:
            what = f"is of an earlier release, and no copy of it can be kept: {error.strerror or error}"
            raise UserError(what, where=str(self.path), fix="free some room, or make the folder writable") from error

    def _keep(self, version: int) -> None:
        self.kept = self.backup(_free(self.path, version))

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. ``durable`` waits for the disk (fsync) and so hardens every earlier commit too.

        Raises:
            UserError: the file is locked, full, read-only or damaged.
        """
        with self._guard, translated(self.path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # some errors, a full disk for one, have rolled back already
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: every query inside sees the same state, whatever is written meanwhile."""
        with self._guard, translated(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.rollback()

    def backup(self, to: Path) -> Path:
        """Copy a consistent state to ``to`` while others write; ``to`` is replaced whole or not at all."""
        to.parent.mkdir(parents=True, exist_ok=True)
        # A connection of its own: the copy does not hold the guard, so no epoch waits for it.
        with (
            whole_file(to, durable=True) as partial,
            translated(self.path),
            closing(_connect(self.path, "ro")) as source,
            closing(sqlite3.connect(partial, isolation_level=None)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, readable from a read-only folder
        return to

    def checkpoint(self) -> None:
        """Move what is committed from the write-ahead log into the file, as far as no reader is in the way.

        Who copies the file alone, beside a run or after a kill, then has every trial that has ended.
        """
        with self._guard, suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Whoever closes last leaves one file, which a copy holds whole and a read-only disk can serve."""
        with self._guard:
            if not self._read_only:
                with suppress(sqlite3.Error):  # another process has it open, or the disk is full: the log stays
                    self._connection.execute("PRAGMA busy_timeout = 100")
                    self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            self.closed = True


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors about the file, as one line that names it and what to do."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a broken invariant of ours, not the user's to fix
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)  # none where it is not SQLite itself that refuses
        kind = None if code is None else code & 0xFF
        if kind == sqlite3.SQLITE_ERROR:
            raise  # SQL of ours that is wrong
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, str(error)) from error
        what, fix = {
            sqlite3.SQLITE_FULL: ("the disk is full", "free some room, then resume"),
            sqlite3.SQLITE_BUSY: (f"locked for {BUSY_SECONDS} s by another program", "close it, then resume"),
            sqlite3.SQLITE_READONLY: ("read-only", "make the file writable"),
            sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check the folder's permissions"),
            sqlite3.SQLITE_IOERR: (f"disk error: {error}", "check the disk"),
        }.get(kind or 0, (f"SQLite refuses: {error}", "resume when the cause has gone"))
        raise UserError(what, where=str(path), fix=fix) from error


def insert(connection: sqlite3.Connection, verb: str, row: Mapping[str, Any]) -> None:
    """``verb`` is ``INSERT INTO table``; ``row`` holds values by column."""
    connection.execute(f"{verb} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})", row)


def _damaged(path: Path, found: str) -> LedgerDamaged:
    return LedgerDamaged(f"the ledger is damaged: {found}", where=str(path), fix=_backup_hint(path))


def _free(path: Path, version: int) -> Path:
    """``ledger.v1.db``, which nothing replaces: after a way back to 0.1.0 the next one is ``ledger.v1.2.db``."""
    names = (f"{path.stem}.v{version}{more}{path.suffix}" for more in chain([""], (f".{n}" for n in count(2))))
    return next(file for name in names if not (file := path.with_name(name)).exists())


def _backup_hint(path: Path) -> str:
    backup = path.with_name(BACKUP)
    return f"`fitscape resume` restores it from {backup}" if backup.is_file() else f"there is no backup at {backup}"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """``mode`` is SQLite's: ro, rw, rwc."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """A file in a folder that cannot be written serves too: SQLite wants to make ``-shm`` beside a write-ahead log.

    Without a log the file is whole, and nobody can change it there. With one, a copy in memory is read.
    """
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        wal = path.with_name(f"{path.name}-wal")
        if (error.sqlite_errorcode & 0xFF) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        if not wal.exists() or not wal.stat().st_size:
            return _connect(path, "ro&immutable=1")
        with tempfile.TemporaryDirectory(prefix="fitscape-reading-") as folder:
            copy = Path(folder) / path.name
            for file in (path, wal):
                shutil.copyfile(file, copy.with_name(file.name))
            with closing(_connect(copy, "rw")) as whole:
                kept = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                whole.backup(kept)
        kept.row_factory = sqlite3.Row
        return kept
