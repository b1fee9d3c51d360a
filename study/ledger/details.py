"""What is large of a trial, in tables of its own: gradient profiles by epoch, and the late pair.

Together they are nine tenths of what a trial measures, and most readers want none of it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fitscape.study.ledger import blobs
from fitscape.study.records import GradientProfile, LatePair

TABLES = {
    "profiles": """
        CREATE TABLE profiles (
            trial_id  TEXT NOT NULL REFERENCES trials (trial_id),
            epoch     INTEGER NOT NULL,
            profiles  BLOB NOT NULL,  -- the GradientProfiles of the epoch: blobs.pack_profiles
            PRIMARY KEY (trial_id, epoch)
        ) STRICT""",
    "late_pairs": """
        CREATE TABLE late_pairs (
            trial_id    TEXT PRIMARY KEY REFERENCES trials (trial_id),
            best_epoch  INTEGER NOT NULL,
            last_epoch  INTEGER NOT NULL,
            losses      BLOB NOT NULL,  -- of each image at the best epoch, then at the last: blobs.pack_numbers
            errors      BLOB NOT NULL   -- likewise; 0 or 1
        ) STRICT""",
}


def put_profiles(
    connection: sqlite3.Connection, trial_id: str, profiles: Mapping[int, Sequence[GradientProfile]]
) -> None:
    """Those of each epoch."""
    rows = ((trial_id, epoch, blobs.pack_profiles(measured)) for epoch, measured in profiles.items() if measured)
    connection.executemany("INSERT INTO profiles VALUES (?, ?, ?)", rows)


def put_late(connection: sqlite3.Connection, trial_id: str, late: LatePair | None) -> None:
    """In the place of one that the trial may have had."""
    connection.execute("DELETE FROM late_pairs WHERE trial_id = ?", (trial_id,))
    if late is not None:
        losses = blobs.pack_numbers([*late.best_losses, *late.last_losses])
        errors = blobs.pack_numbers([*late.best_errors, *late.last_errors])
        values = (trial_id, late.best_epoch, late.last_epoch, losses, errors)
        connection.execute("INSERT INTO late_pairs VALUES (?, ?, ?, ?, ?)", values)


def profiles_of(connection: sqlite3.Connection, trial_id: str, epoch: int) -> tuple[GradientProfile, ...]:
    """Of one epoch; empty where none were measured."""
    sql = "SELECT profiles FROM profiles WHERE trial_id = ? AND epoch = ?"
    row = connection.execute(sql, (trial_id, epoch)).fetchone()
    return blobs.unpack_profiles(row["profiles"]) if row else ()


def every_profile(
    connection: sqlite3.Connection, trials: str, values: Sequence[Any]
) -> Iterator[tuple[tuple[str, int], tuple[GradientProfile, ...]]]:
    """Profiles by trial and epoch; ``trials`` is a query of the trials' ids."""
    sql = f"SELECT trial_id, epoch, profiles FROM profiles WHERE trial_id IN ({trials})"
    for row in connection.execute(sql, values):
        yield (row["trial_id"], row["epoch"]), blobs.unpack_profiles(row["profiles"])


def late_of(connection: sqlite3.Connection, trial_id: str) -> LatePair:
    """Of a trial that has one."""
    row = connection.execute("SELECT * FROM late_pairs WHERE trial_id = ?", (trial_id,)).fetchone()
    losses, errors = blobs.unpack_numbers(row["losses"]), blobs.unpack_numbers(row["errors"])
    middle = len(losses) // 2
    return LatePair(
        best_epoch=row["best_epoch"],
        last_epoch=row["last_epoch"],
        best_losses=tuple(losses[:middle]),
        last_losses=tuple(losses[middle:]),
        best_errors=tuple(map(bool, errors[:middle])),
        last_errors=tuple(map(bool, errors[middle:])),
    )


# Until version 2 both were JSON, in the rows of their epoch and trial.


def in_rows(connection: sqlite3.Connection) -> bool:
    """Whether they still are."""
    return holds(connection, "epochs", "gradients")


def profiles_in_json(text: str) -> tuple[GradientProfile, ...]:
    return tuple(
        GradientProfile(
            step=p["step"],
            layers=tuple(p["layers"]),
            gradient_norms=tuple(p["gradient_norms"]),
            weight_norms=tuple(p["weight_norms"]),
        )
        for p in json.loads(text)
    )


def late_in_json(text: str | None) -> LatePair | None:
    if text is None:
        return None
    pair = json.loads(text)
    return LatePair(**pair | {k: tuple(v) for k, v in pair.items() if isinstance(v, list)})


def move(connection: sqlite3.Connection) -> None:
    """Bring what is JSON in the rows into tables of its own."""
    if in_rows(connection):
        for trial_id, epoch, text in connection.execute("SELECT trial_id, epoch, gradients FROM epochs"):
            put_profiles(connection, trial_id, {epoch: profiles_in_json(text)})
        connection.execute("ALTER TABLE epochs DROP COLUMN gradients")
    if holds(connection, "trials", "late"):
        for trial_id, text in connection.execute("SELECT trial_id, late FROM trials WHERE late IS NOT NULL"):
            put_late(connection, trial_id, late_in_json(text))
        connection.execute("ALTER TABLE trials DROP COLUMN late")


def holds(connection: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row["name"] == column for row in connection.execute(f"PRAGMA table_info({table})"))
