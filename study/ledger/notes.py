"""What else must be remembered: a log that is only added to (test openings, audits) and key-value facts."""

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from fitscape.study.ledger.codec import to_json
from fitscape.study.ledger.database import Database

EXPECTED = "expected"  # key: seconds until the trials of this run have ended, and when that was said (Unix time)
DECIDED = "decided"  # key: the share of the space that is decided, and what more trials would bring, in words
REPLAY = "replay"  # key: hyperparameters, seed and origin of each trial of the study that this one repeats, in order
PORTRAITS = "portraits"  # key: small pictures of each class
LOOK_ALIKES = "look alikes"  # key: small pictures of validation images beside the training images that they look like
SUSPECTED = "suspected"  # key: small pictures of images whose labels look wrong, by position in validation
GUESSING = "guessing"  # key: the sentence that the study is no better than guessing; empty where it is better
LABELLED_BY = "labelled by"  # key: the release that gave the labels which are kept
SETTINGS = "settings"  # key: precision and layout as measured for this study
TEST_OPENED = "test_opened"  # kind of note: when, why, by whom and for which trials the seal is about to be broken
TEST_ERRORS = "test_errors"  # kind of note: what the opening before it came to
READ = "read"  # key of the provenance: where the runs come from, of a study that was read


@dataclass(frozen=True)
class Note:
    """``kind`` is ``test_opened``, ``test_errors``, ``amended``, ``audit`` ...; ``body`` is any JSON."""

    time: float
    kind: str
    body: Any


def add(connection: sqlite3.Connection, kind: str, body: Any) -> None:
    connection.execute("INSERT INTO notes (time, kind, body) VALUES (?, ?, ?)", (time.time(), kind, to_json(body)))


class Notes:
    """Notes in order of writing, and facts by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_note(self, kind: str, body: Any) -> None:
        """Append, durably: that the test split was opened cannot be forgotten."""
        with self._database.write(durable=True) as connection:
            add(connection, kind, body)

    def notes(self, kind: str | None = None) -> list[Note]:
        query = "SELECT time, kind, body FROM notes WHERE ?1 IS NULL OR kind = ?1 ORDER BY seq"
        with self._database.read() as connection:
            return [Note(at, k, json.loads(body)) for at, k, body in connection.execute(query, (kind,))]

    def set_meta(self, key: str, value: Any) -> None:
        """``value`` is any JSON."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, to_json(value)))

    def get_meta(self, key: str, default: Any = None) -> Any:
        with self._database.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else default
