"""The ledger of one study: trials, epoch records, labels, and what a reader must know to trust them."""

import json
import sqlite3
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import codec, notes
from fitscape.study.ledger.codec import to_json
from fitscape.study.ledger.database import Database, insert
from fitscape.study.ledger.labels import Labels
from fitscape.study.ledger.notes import Notes
from fitscape.study.ledger.outbox import EventKind, Outbox, append
from fitscape.study.records import EpochRecord, LatePair, ModelSize, TrialRecord, TrialState
from fitscape.study.releases import study_as_stored, without_retired


class Ledger(Outbox, Labels, Notes):
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

    # The study

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

    # Trials

    def add_trial(self, config: TrialConfig, hyperparameters: Mapping[str, Any], origin: str) -> TrialRecord:
        """The trial of this config; one that is already there is returned as it is."""
        trial_id = config.trial_id
        with self._database.write() as connection:
            added = connection.execute(
                "INSERT INTO trials (trial_id, number, config, dials, origin) "
                "SELECT ?, coalesce(max(number) + 1, 0), ?, ?, ? FROM trials WHERE true "
                "ON CONFLICT (trial_id) DO NOTHING",
                (trial_id, config.model_dump_json(), to_json(dict(hyperparameters)), origin),
            ).rowcount
            if added:
                append(connection, EventKind.ADDED, trial_id)
        return self.trial(trial_id)

    def start_attempt(self, trial_id: str, node: str, device: str) -> int:
        """Set a trial running; returns the number of this attempt, from 1.

        Raises:
            ValueError: the trial has ended; it takes ``reopen`` to run it again.
        """
        with self._database.write() as connection:
            state = _state(connection, trial_id)
            if state.terminal:
                raise ValueError(f"trial {trial_id} is {state}: it cannot be started again")
            (attempts,) = connection.execute(
                "UPDATE trials SET state = 'running', attempts = attempts + 1, node = ?, device = ?, "
                "started_at = coalesce(started_at, ?) WHERE trial_id = ? RETURNING attempts",
                (node, device, time.time(), trial_id),
            ).fetchone()
            append(connection, EventKind.STARTED, trial_id)
        return attempts

    def record_epoch(self, trial_id: str, record: EpochRecord) -> bool:
        """Keep what an epoch measured. The first record of an epoch stays: what was shipped never changes.

        Returns:
            False where nothing was written: the epoch is there already, or the trial has ended.
        """
        with self._database.write() as connection:
            if _state(connection, trial_id).terminal:
                return False
            key = (trial_id, record.epoch)
            if connection.execute("SELECT 1 FROM epochs WHERE trial_id = ? AND epoch = ?", key).fetchone():
                return False
            insert(connection, "INSERT INTO epochs", codec.epoch_row(trial_id, record))
            append(connection, EventKind.EPOCH, trial_id, record.epoch)
        return True

    def void_epochs(self, trial_id: str) -> None:
        """Forget the epochs of a trial that has not ended, which runs anew in another memory layout. A note says so."""
        with self._database.write() as connection:
            if _state(connection, trial_id).terminal:
                return
            count = connection.execute("DELETE FROM epochs WHERE trial_id = ?", (trial_id,)).rowcount
            if count:
                notes.add(connection, "voided", {"trial": trial_id, "epochs": count})
                append(connection, EventKind.VOIDED, trial_id)

    def annotate(self, trial_id: str, *, size: ModelSize | None = None, **extra: Any) -> None:
        """Add what the network costs, or entries of ``TrialRecord.extra``."""
        with self._database.write() as connection:
            _state(connection, trial_id)
            _put_extra(connection, trial_id, size, extra)
            append(connection, EventKind.ANNOTATED, trial_id)

    def end_trial(
        self,
        trial_id: str,
        state: TrialState,
        message: str = "",
        *,
        late: LatePair | None = None,
        size: ModelSize | None = None,
        **extra: Any,
    ) -> bool:
        """End a trial, durably: it is on the disk when this returns, so it is never run again.

        Returns:
            False where the trial had ended before: the first end stays.
        """
        assert state.terminal, f"{state} is no end"
        with self._database.write(durable=True) as connection:
            if _state(connection, trial_id).terminal:
                return False
            connection.execute(
                "UPDATE trials SET state = ?, message = ?, ended_at = ?, late = ? WHERE trial_id = ?",
                (state.value, message, time.time(), to_json(asdict(late)) if late else None, trial_id),
            )
            _put_extra(connection, trial_id, size, extra)
            append(connection, EventKind.ENDED, trial_id)
        self._database.checkpoint()
        return True

    def reopen(self, trial_id: str) -> None:
        """Make a failed trial pending again; its epochs stay.

        Raises:
            ValueError: the trial did not fail.
        """
        with self._database.write(durable=True) as connection:
            state = _state(connection, trial_id)
            if state is not TrialState.FAILED:
                raise ValueError(f"trial {trial_id} is {state}: only a failed trial can be reopened")
            connection.execute(
                "UPDATE trials SET state = 'pending', message = '', ended_at = NULL WHERE trial_id = ?",
                (trial_id,),
            )
            append(connection, EventKind.REOPENED, trial_id)

    def release(self) -> list[str]:
        """Make running trials pending: for the holder of the StudyLock, as it starts and as it leaves."""
        with self._database.write(durable=True) as connection:
            rows = connection.execute("SELECT trial_id FROM trials WHERE state = 'running' ORDER BY number").fetchall()
            connection.execute("UPDATE trials SET state = 'pending' WHERE state = 'running'")
            for (trial_id,) in rows:
                append(connection, EventKind.RELEASED, trial_id)
        self._database.checkpoint()
        return [row["trial_id"] for row in rows]

    def trials(self, *, epochs: Collection[int] | None = None) -> list[TrialRecord]:
        """Every trial in order of creation, one consistent state; with all epochs, or only those named."""
        return self._trials("true", (), epochs)

    def trial(self, trial_id: str, *, epochs: Collection[int] | None = None) -> TrialRecord:
        found = self._trials("trial_id = ?", (trial_id,), epochs)
        if not found:
            raise KeyError(trial_id)
        return found[0]

    def pending(self) -> list[TrialRecord]:
        """Trials that have not ended, those with most epochs first: a resume continues before it begins."""
        open_trials = self._trials("state IN ('pending', 'running')", (), None)
        return sorted(open_trials, key=lambda trial: (-len(trial.epochs), trial.number))

    def counts(self) -> dict[TrialState, int]:
        """Trials by state, every state named."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT state, count(*) FROM trials GROUP BY state").fetchall()
        found = {TrialState(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in TrialState}

    def _trials(self, where: str, values: tuple[Any, ...], chosen: Collection[int] | None) -> list[TrialRecord]:
        only = "" if chosen is None else f"AND epoch IN ({', '.join(map(str, map(int, chosen)))})"
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT * FROM trials WHERE {where} ORDER BY number", values).fetchall()
            epochs: dict[str, list[EpochRecord]] = {row["trial_id"]: [] for row in rows}
            trials = f"SELECT trial_id FROM trials WHERE {where}"
            sql = f"SELECT * FROM epochs WHERE trial_id IN ({trials}) {only} ORDER BY epoch"
            for row in connection.execute(sql, values):
                epochs[row["trial_id"]].append(codec.epoch_record(row))
        return [codec.trial_record(row, tuple(epochs[row["trial_id"]])) for row in rows]


def _study_config(stored: dict[str, Any]) -> StudyConfig:
    return StudyConfig.model_validate(without_retired(study_as_stored(stored)))


def _state(connection: sqlite3.Connection, trial_id: str) -> TrialState:
    row = connection.execute("SELECT state FROM trials WHERE trial_id = ?", (trial_id,)).fetchone()
    if row is None:
        raise KeyError(trial_id)
    return TrialState(row["state"])


def _put_extra(connection: sqlite3.Connection, trial_id: str, size: ModelSize | None, extra: Mapping[str, Any]) -> None:
    if size is not None:
        values = (size.parameters, size.flops, trial_id)
        connection.execute("UPDATE trials SET parameters = ?, flops = ? WHERE trial_id = ?", values)
    if extra:
        (old,) = connection.execute("SELECT extra FROM trials WHERE trial_id = ?", (trial_id,)).fetchone()
        merged = to_json(json.loads(old) | dict(extra))
        connection.execute("UPDATE trials SET extra = ? WHERE trial_id = ?", (merged, trial_id))
