"""A ledger of an earlier release becomes one of this release, and a new ledger gets the columns of its records."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import MISSING, Field
from types import NoneType
from typing import Any, get_args

from fitscape.study.ledger import codec
from fitscape.study.ledger.codec import to_json
from fitscape.study.releases import study_as_stored, trial_as_stored, without_retired

SCHEMA_VERSION = 2
_COLUMN_TYPES = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT"}


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether a ledger is as this release writes it."""
    return _version(connection) == SCHEMA_VERSION and not _missing_columns(connection)


def migrate(connection: sqlite3.Connection, keep: Callable[[int], object]) -> None:
    """Bring a ledger to this release, inside the caller's transaction. Nothing is taken away.

    Args:
        keep: called with the version that the ledger has, before anything is changed: makes a copy of the file.
    """
    keep(_version(connection))
    add_columns(connection)
    _rewrite(connection, "study", "config", lambda config: without_retired(study_as_stored(config)))
    _rewrite(connection, "trials", "config", trial_as_stored)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def add_columns(connection: sqlite3.Connection) -> None:
    """A column for each scalar field of EpochRecord and Label that their tables do not have."""
    for table, field in _missing_columns(connection):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {field.name} {_declaration(field)}")


def _missing_columns(connection: sqlite3.Connection) -> "list[tuple[str, Field[Any]]]":
    missing = []
    for table, scalars in (("epochs", codec.EPOCH_FIELDS), ("labels", codec.LABEL_FIELDS)):
        there = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
        missing += [(table, field) for name, field in scalars.items() if name not in there]
    return missing


def _declaration(field: "Field[Any]") -> str:
    """``INTEGER NOT NULL DEFAULT 0``. A number that may be NaN is NULL here, and so may be missing."""
    kinds = set(get_args(field.type) or (field.type,))
    (kind,) = kinds - {NoneType}
    if kind is float or NoneType in kinds:
        return _COLUMN_TYPES[kind]
    default = 0 if field.default is MISSING else field.default
    return f"{_COLUMN_TYPES[kind]} NOT NULL DEFAULT {int(default) if kind is bool else default!r}"


def _rewrite(
    connection: sqlite3.Connection, table: str, column: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Change stored JSON where it differs."""
    for rowid, text in connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
        old = json.loads(text)
        if (new := change(old)) != old:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (to_json(new), rowid))


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
