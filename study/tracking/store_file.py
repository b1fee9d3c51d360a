"""A SQLite file as MLflow's store: whether it can serve, found without MLflow or a change to it; how it is made.

The one change is SQLite's own: what a killed writer had left unfinished is taken back.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy

from fitscape.study.files import MLFLOW_STORE
from fitscape.study.tracking.errors import Trouble

SQLITE_HEAD = b"SQLite format 3\0"
# MLflow's first tables, which it makes one by one before it keeps a version.
_FIRST_TABLES = {"experiments", "runs", "tags", "metrics", "params"}
_REVISION = re.compile(r"""^(revision|down_revision)\s*=\s*["']([0-9a-f]+)["']""", re.MULTILINE)


def trouble_of(file: Path, experiment: str) -> Trouble | None:
    """Why the store at ``file`` cannot take runs of the experiment; None where it can, or will be made there."""
    if file.is_dir():
        return Trouble(f"{file} is a folder", f"name a file: sqlite:///FOLDER/{MLFLOW_STORE}")
    existing = next(path for path in (file, *file.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Trouble(f"{existing} cannot be written", "make it writable, or choose another --root")
    if not existing.is_dir() and existing != file:
        return Trouble(f"{file} cannot be made, because {existing} is a file", "name another store")
    if not file.exists() or not file.stat().st_size:
        return None
    with file.open("rb") as opened:
        if opened.read(len(SQLITE_HEAD)) != SQLITE_HEAD:
            return Trouble(f"{file} is not a database", "move it away, or name another store with --tracking-uri")
    try:
        return _content(file, experiment)
    except sqlalchemy.exc.SQLAlchemyError as error:
        if "locked" in str(error):  # another study writes to it just now
            return None
        text = str(getattr(error, "orig", error)).split("\n")[0]
        return Trouble(f"{file} cannot be read: {text}", "restore it from a backup, or move it away")


def make_whole(file: Path) -> None:
    """Make the store at ``file`` where there is none. It is there whole or not at all.

    MLflow makes its tables in some fifty migrations, and SQLite commits each of their statements by itself: a maker
    that is killed leaves a store that no later MLflow can finish. So the migrations run in a file beside it, and wait
    for the disk once: a slow one would take minutes for all those commits, which ``sync`` does not wait for.
    Call it with the store's lock held. Imports mlflow.
    """
    if file.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = file.with_name(f".{file.name}.unfinished")
    for left in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
        left.unlink(missing_ok=True)
    with _not_waiting_for_the_disk(unfinished):
        store = SqlAlchemyStore(f"sqlite:///{unfinished}", str(file.parent / "mlartifacts"))
        store.engine.dispose()
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    try:
        os.link(unfinished, file)
    except FileExistsError:  # another program made one meanwhile
        pass
    except OSError:  # a file system without hard links
        os.replace(unfinished, file)
    unfinished.unlink(missing_ok=True)


@contextmanager
def _not_waiting_for_the_disk(file: Path) -> Iterator[None]:
    """For whoever opens the SQLite file within it, by SQLAlchemy."""

    def opened(connection: Any, _: object) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            (_, _, path), *_ = connection.execute("PRAGMA database_list")
            if path == str(file):
                connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", opened)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", opened)


def _content(file: Path, experiment: str) -> Trouble | None:
    try:
        return _read(file, experiment, "ro")
    except sqlalchemy.exc.OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", None) != "SQLITE_READONLY_ROLLBACK":
            raise
        # A writer was killed within a transaction. SQLite takes that back before anybody reads, and writes to do so.
        return _read(file, experiment, "rw")


def _read(file: Path, experiment: str, mode: str) -> Trouble | None:
    engine = sqlalchemy.create_engine(f"sqlite:///file:{file.absolute()}?mode={mode}&uri=true")
    try:
        with engine.connect() as connection:
            tables = set(sqlalchemy.inspect(connection).get_table_names())
            if tables <= _FIRST_TABLES:  # the maker was killed before the first version: MLflow goes on making it
                return None
            if not {"experiments", "runs", "alembic_version"} <= tables:
                return Trouble(f"{file} holds another program's tables", "name another store with --tracking-uri")
            version = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
            runs = connection.execute(sqlalchemy.text("SELECT count(*) FROM runs")).scalar() or 0
            if trouble := _schema(file, str(version), runs):
                return trouble
            query = sqlalchemy.text("SELECT lifecycle_stage FROM experiments WHERE name = :name")
            if connection.execute(query, {"name": experiment}).scalar() == "deleted":
                fix = "restore it (mlflow experiments restore), or choose another: --set tracking.experiment=NAME"
                return Trouble(f"the experiment '{experiment}' is deleted in {file}", fix)
    finally:
        engine.dispose()
    return None


def _schema(file: Path, version: str, runs: int) -> Trouble | None:
    """MLflow upgrades no store by itself, and cannot read one of a later release.

    One of an older schema without a run is one whose maker was killed: MLflow goes on making it.
    """
    known, before = _revisions()
    if not known or (version in known and (version not in before or not runs)):
        return None
    if version in known:
        return Trouble(f"{file} has an older schema of MLflow", f"run: mlflow db upgrade sqlite:///{file.absolute()}")
    return Trouble(f"{file} has a schema that this MLflow does not know", "install the MLflow that wrote it, or newer")


def _revisions() -> tuple[set[str], set[str]]:
    """The schemas that the installed MLflow knows, and those of them that another follows."""
    spec = find_spec("mlflow")
    known: set[str] = set()
    before: set[str] = set()
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for script in Path(place, "store", "db_migrations", "versions").glob("*.py"):
            for name, value in _REVISION.findall(script.read_text(errors="replace")):
                (known if name == "revision" else before).add(value)
    return known, before
