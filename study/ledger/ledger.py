"""The ledger of one study: trials, epoch records, labels, and what a reader must know to trust them."""

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import notes
from fitscape.study.ledger.codec import to_json
from fitscape.study.ledger.database import Database
from fitscape.study.ledger.images import Images
from fitscape.study.ledger.labels import Labels
from fitscape.study.ledger.notes import Notes
from fitscape.study.ledger.outbox import EventKind, Outbox, append
from fitscape.study.ledger.totals import Totals
from fitscape.study.ledger.trials import Trials
from fitscape.study.releases import study_as_stored, without_retired


class Ledger(Trials, Totals, Outbox, Labels, Notes, Images):
    """Open with ``create`` or ``open``. Safe from several threads, and beside other processes on one host.

    Methods raise UserError where the file is locked, full, read-only or damaged, and KeyError for a trial
    that was never added. Writes commit before they return; docs/decisions/0001-ledger.md says how durably.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        super().__init__(database)

    @classmethod
    def create(cls, path: Path, config: StudyConfig, provenance: Mapping[str, Any], *, uid: str | None = None) -> Self:
        """A new ledger; ``uid`` where the study was given one already.

        Raises:
            UserError: a study is already there.
        """

        def fill(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO study VALUES (1, ?, ?, ?, ?)",
                (uid or uuid.uuid4().hex, time.time(), config.model_dump_json(), to_json(dict(provenance))),
            )
            append(connection, EventKind.STUDY)

        return cls(Database(path, create=fill))

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """An existing ledger, ``read_only`` beside a running driver.

        One of an earlier release is read as it is when ``read_only``; otherwise it is brought to this release first,
        after a copy of it (``kept``).

        Raises:
            UserError: missing, damaged (the text names the backup), or of a newer version.
        """
        return cls(Database(path, read_only=read_only))

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def kept(self) -> Path | None:
        """The copy of what an earlier release wrote, where opening this ledger brought it to this release."""
        return self._database.kept

    def backup(self, to: Path) -> Path:
        """A consistent copy while others write; ``to`` is replaced whole or not at all."""
        return self._database.backup(to)

    def checkpoint(self) -> None:
        """Move what is committed into the file itself, as far as no reader is in the way."""
        self._database.checkpoint()

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def uid(self) -> str:
        """Unique to this study for ever; a study of the same name elsewhere has another."""
        return self._study("uid")

    @property
    def created_at(self) -> float:
        return self._study("created_at")

    @property
    def config(self) -> StudyConfig:
        return _study_config(json.loads(self._study("config")))

    @property
    def config_before(self) -> StudyConfig | None:
        """What the latest amendment took out of force; None where there was none."""
        amended = self.notes("amended")
        return _study_config(amended[-1].body["config"]) if amended else None

    @property
    def provenance(self) -> dict[str, Any]:
        """Data fingerprint, code version, versions, machine, seeds."""
        return json.loads(self._study("provenance"))

    @property
    def read_from(self) -> dict[str, Any] | None:
        """Where the runs come from: ``source``, ``kind``, ``keys``, ``net``. None: they were run by fitscape."""
        return self.provenance.get(notes.READ)

    def amend(self, config: StudyConfig, provenance: Mapping[str, Any]) -> None:
        """Put another config and provenance in force; the note ``amended`` keeps the old ones."""
        with self._database.write(durable=True) as connection:
            old = dict(connection.execute("SELECT config, provenance FROM study").fetchone())
            new = {"config": config.model_dump_json(), "provenance": to_json(dict(provenance))}
            was = {key: json.loads(text) for key, text in old.items()}
            if was != {key: json.loads(text) for key, text in new.items()}:
                connection.execute("UPDATE study SET config = :config, provenance = :provenance", new)
                notes.add(connection, "amended", was)
                append(connection, EventKind.STUDY)

    def renew_uid(self, original: Path) -> None:
        """Give a copy a uid of its own; what sinks know of the ledger at ``original`` is forgotten, and a note kept."""
        with self._database.write(durable=True) as connection:
            (was,) = connection.execute("SELECT uid FROM study").fetchone()
            connection.execute("UPDATE study SET uid = ?", (uuid.uuid4().hex,))
            connection.execute("DELETE FROM cursors")
            connection.execute("DELETE FROM meta WHERE key LIKE 'mlflow %'")
            notes.add(connection, "copied", {"uid": was, "path": str(original)})

    def settle(self, config: StudyConfig) -> None:
        """Put values that were measured in the place of ``auto``. It is the same study: no note is kept."""
        with self._database.write(durable=True) as connection:
            new = config.model_dump_json()
            if connection.execute("UPDATE study SET config = ?1 WHERE config <> ?1", (new,)).rowcount:
                append(connection, EventKind.STUDY)

    def _study(self, column: str) -> Any:
        with self._database.read() as connection:
            return connection.execute(f"SELECT {column} FROM study").fetchone()[0]


def _study_config(stored: dict[str, Any]) -> StudyConfig:
    return StudyConfig.model_validate(without_retired(study_as_stored(stored)))
