"""A ledger of an earlier release becomes one of this release, and a new ledger gets the columns of its records."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import MISSING, Field
from types import NoneType
from typing import Any, get_args

from fitscape.study.ledger import codec, details
from fitscape.study.ledger.codec import to_json
from fitscape.study.releases import study_as_stored, trial_as_stored, without_retired

SCHEMA_VERSION = 3
# Tables that came after 0.1.0, by name.
LATER_TABLES = {
    "images": """
        CREATE TABLE images (
            fingerprint  TEXT NOT NULL,  -- of the data, as in the study's provenance
            part         TEXT NOT NULL,  -- train, validation
            hashes       BLOB NOT NULL,  -- this and what follows: one number an image, little-endian, zlib; 64 bits
            labels       BLOB NOT NULL,  -- 16 bits
            groups       BLOB,           -- 32 bits
            names        TEXT NOT NULL,  -- JSON list
            PRIMARY KEY (fingerprint, part)
        ) STRICT""",
    "predictions": """
        CREATE TABLE predictions (
            trial_id     TEXT PRIMARY KEY REFERENCES trials (trial_id),
            fingerprint  TEXT NOT NULL,  -- of the images that they are of
            classes      BLOB NOT NULL,  -- one number a validation image, little-endian, zlib; 16 bits
            confidences  BLOB NOT NULL   -- 8 bits: 255 is 1
        ) STRICT""",
    **details.TABLES,
}
_COLUMN_TYPES = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT"}


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether a ledger is as this release writes it."""
    return _version(connection) == SCHEMA_VERSION and not (_missing_columns(connection) or _missing_tables(connection))


def migrate(connection: sqlite3.Connection, keep: Callable[[int], object]) -> None:
    """Bring a ledger to this release, inside the caller's transaction. Nothing that was measured is lost.

    Args:
        keep: called with the version that the ledger has, before anything is changed: makes a copy of the file.
    """
    keep(_version(connection))
    complete(connection)
    details.move(connection)
    _rewrite(connection, "study", "config", lambda config: without_retired(study_as_stored(config)))
    _rewrite(connection, "trials", "config", trial_as_stored)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def complete(connection: sqlite3.Connection) -> None:
    """Add what the schema of 0.1.0 lacks: later tables, and a column for each scalar field of EpochRecord and Label."""
    for name in _missing_tables(connection):
        connection.execute(LATER_TABLES[name])
    for table, field in _missing_columns(connection):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {field.name} {_declaration(field)}")


def _missing_columns(connection: sqlite3.Connection) -> "list[tuple[str, Field[Any]]]":
    missing = []
    for table, scalars in (("epochs", codec.EPOCH_FIELDS), ("labels", codec.LABEL_FIELDS)):
        missing += [(table, field) for name, field in scalars.items() if not details.holds(connection, table, name)]
    return missing


def _missing_tables(connection: sqlite3.Connection) -> list[str]:
    there = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    return [name for name in LATER_TABLES if name not in there]


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
