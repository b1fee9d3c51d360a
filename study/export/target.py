"""Whether an export may go to a place: nothing that is there is replaced unless that was asked for."""

import os
from pathlib import Path

from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP, CHECKPOINTS, CONFIG, LEDGER, LOCK, MLFLOW_STORE, REPORT

STORAGE = ".db"
_OURS = {BACKUP, CONFIG, LOCK, REPORT, CHECKPOINTS, "models"}  # of a study's folder
_SQLITE = b"SQLite format 3\0"
_LEDGER_MARK = b"FITS"  # SQLite's application id, at byte 68


def require_target(to: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds a file; only an Optuna storage takes one more study.

    Raises:
        UserError: a file of fitscape's own; another file, without ``overwrite``; a folder.
    """
    if _is_our_own(to):
        what = "is a file of fitscape itself, which no export replaces"
        raise UserError(what, where=str(to), fix="name another file")
    if to.is_dir():
        raise UserError("is a folder", where=str(to), fix=f"name a file, as in --to {to / 'trials.csv'}")
    if os.path.lexists(to) and not overwrite and not is_storage(to):
        raise UserError("is there already", where=str(to), fix="name another file, or add --overwrite")


def is_storage(path: Path) -> bool:
    """Whether an export to this file goes into an Optuna storage that is there."""
    return path.suffix.lower() == STORAGE and {"studies", "trials", "version_info"} <= _tables(path)


def _is_our_own(to: Path) -> bool:
    """By its place, its name or what it holds; a symbolic link counts as the file that it leads to."""
    path = to.resolve()
    if path.name in (LEDGER, BACKUP, MLFLOW_STORE) or _head(path)[68:72] == _LEDGER_MARK:
        return True
    if {"experiments", "runs"} <= _tables(path):  # an MLflow store, whatever it is called
        return True
    for folder in path.parents:
        if (folder / LEDGER).is_file():
            first = path.relative_to(folder).parts[0]
            return first in _OURS or first.startswith("ledger.")
    return False


def _tables(path: Path) -> set[str]:
    """Names of a SQLite database's tables; none where the file is no database that can be read."""
    if not _head(path).startswith(_SQLITE):
        return set()
    import sqlalchemy

    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(path)))
    try:
        return set(sqlalchemy.inspect(engine).get_table_names())
    except sqlalchemy.exc.SQLAlchemyError:
        return set()
    finally:
        engine.dispose()


def _head(path: Path) -> bytes:
    """The first bytes of a file; none where there is no plain file that can be read."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(100)
    except OSError:
        return b""
