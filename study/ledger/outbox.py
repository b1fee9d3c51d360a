"""The transactional outbox: what changed, in order, so that a sink with a cursor can follow without a gap."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fitscape.study.ledger.database import Database

_INSERT = "INSERT INTO events (kind, trial_id, epoch) VALUES (?, ?, ?)"


class EventKind(StrEnum):
    """What an event is about. The event holds no values: the sink reads them from the tables."""

    STUDY = "study"  # config, provenance
    ADDED = "added"
    STARTED = "started"
    EPOCH = "epoch"
    ANNOTATED = "annotated"  # size, extra
    LABELLED = "labelled"
    RELEASED = "released"  # was running when its driver ended
    ENDED = "ended"
    REOPENED = "reopened"
    VOIDED = "voided"  # its epochs are no longer there: it runs anew


@dataclass(frozen=True)
class Event:
    """``seq`` alone gives the order; clocks may go back."""

    seq: int
    kind: EventKind
    trial_id: str | None
    epoch: int | None


def append(
    connection: sqlite3.Connection, kind: EventKind, trial_id: str | None = None, epoch: int | None = None
) -> None:
    """Inside the transaction of the change itself: both are there, or neither."""
    connection.execute(_INSERT, (kind.value, trial_id, epoch))


def append_epochs(connection: sqlite3.Connection, trial_id: str, epochs: Iterable[int]) -> None:
    """``append`` of each epoch, in order."""
    connection.executemany(_INSERT, ((EventKind.EPOCH.value, trial_id, epoch) for epoch in epochs))


class Outbox:
    """What a sink does: read events after its cursor, move the cursor."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self, after: int, limit: int = 1000) -> list[Event]:
        """At most ``limit`` events with ``seq > after``, oldest first."""
        query = "SELECT seq, kind, trial_id, epoch FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._database.read() as connection:
            return [
                Event(seq, EventKind(kind), trial_id, epoch)
                for seq, kind, trial_id, epoch in connection.execute(query, (after, limit))
            ]

    @property
    def last_event(self) -> int:
        """The latest ``seq``; 0 where there is none. It only grows: of two copies of a ledger it tells the newer."""
        with self._database.read() as connection:
            (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        return int(seq)

    def cursor(self, sink: str) -> int:
        """The last ``seq`` that ``sink`` has dealt with; 0 for a new one."""
        with self._database.read() as connection:
            row = connection.execute("SELECT seq FROM cursors WHERE sink = ?", (sink,)).fetchone()
        return row[0] if row else 0

    def advance(self, sink: str, seq: int) -> None:
        """Move the cursor forward; it never goes back, so a late call of an older position does nothing."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO cursors (sink, seq) VALUES (?, ?) "
                "ON CONFLICT (sink) DO UPDATE SET seq = max(seq, excluded.seq)",
                (sink, seq),
            )

    def harden(self) -> None:
        """Wait until everything committed so far is on the disk.

        A sink calls it before it ships: then a power cut cannot take back what the outside already knows.
        """
        with self._database.write(durable=True) as connection:
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('hardened', 'true')")
