"""The trials and their epoch records: added, started, ended, read."""

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

from fitscape.study.config import TrialConfig
from fitscape.study.ledger import codec, details, images, notes
from fitscape.study.ledger.codec import to_json
from fitscape.study.ledger.database import Database, insert
from fitscape.study.ledger.later import OnDemand
from fitscape.study.ledger.outbox import EventKind, append, append_epochs
from fitscape.study.records import (
    EpochRecord,
    GradientProfile,
    LatePair,
    ModelSize,
    Predictions,
    TrialRecord,
    TrialState,
)

Epochs = Collection[int] | Literal["last"] | None  # that are to be read


class Trials:
    """The tables of trials and epochs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._later = OnDemand(database)

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

    def put_read(self, trials: Iterable[TrialRecord]) -> int:
        """Trials that were run elsewhere, whole as they are, in one transaction; returns how many.

        Nothing goes into the outbox: what was read has a place already, and is not sent to MLflow.
        """
        count = 0
        with self._database.write(durable=True) as connection:
            for trial in trials:
                insert(connection, "INSERT INTO trials", codec.trial_row(trial))
                details.put_late(connection, trial.trial_id, trial.late)
                _put_epochs(connection, trial.trial_id, trial.epochs)
                count += 1
        self._database.checkpoint()
        return count

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
        """``record_epochs`` of one epoch; whether it was written."""
        return bool(self.record_epochs(trial_id, [record]))

    def record_epochs(self, trial_id: str, records: Sequence[EpochRecord]) -> list[EpochRecord]:
        """Keep what epochs measured, all of them or none. The first record of an epoch stays: what was shipped never
        changes.

        Returns:
            Those that were written: not an epoch that is there already, and none of a trial that has ended.
        """
        if not records:
            return []
        with self._database.write() as connection:
            if _state(connection, trial_id).terminal:
                return []
            first = min(record.epoch for record in records)
            rows = connection.execute("SELECT epoch FROM epochs WHERE trial_id = ? AND epoch >= ?", (trial_id, first))
            there, new = {epoch for (epoch,) in rows}, []
            for record in records:
                if record.epoch not in there:
                    there.add(record.epoch)
                    new.append(record)
            _put_epochs(connection, trial_id, new)
            append_epochs(connection, trial_id, [record.epoch for record in new])
        return new

    def void_epochs(self, trial_id: str) -> None:
        """Forget the epochs of a trial that has not ended, which runs anew in another memory layout. A note says so."""
        with self._database.write() as connection:
            if _state(connection, trial_id).terminal:
                return
            connection.execute("DELETE FROM profiles WHERE trial_id = ?", (trial_id,))
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
        predictions: Predictions | None = None,
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
                "UPDATE trials SET state = ?, message = ?, ended_at = ? WHERE trial_id = ?",
                (state.value, message, time.time(), trial_id),
            )
            details.put_late(connection, trial_id, late)
            if predictions is not None:
                images.put(connection, trial_id, predictions)
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

    def trials(self, *, epochs: Epochs = None, details: bool = True) -> list[TrialRecord]:
        """Every trial in order of creation, one consistent state; with all epochs, or only those named.

        Args:
            epochs: None: all of them. "last": each trial's latest.
            details: False leaves gradient profiles and late pairs, nine tenths of a ledger, where they are until
                somebody looks at them.
        """
        return self._trials("true", (), epochs, details)

    def trial(self, trial_id: str, *, epochs: Epochs = None, details: bool = True) -> TrialRecord:
        """One trial; the arguments are those of ``trials``."""
        found = self._trials("trial_id = ?", (trial_id,), epochs, details)
        if not found:
            raise KeyError(trial_id)
        return found[0]

    def latest(self, count: int) -> list[TrialRecord]:
        """The trials that ended last, the latest first."""
        ended = "SELECT trial_id FROM trials WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?"
        found = {trial.trial_id: trial for trial in self._trials(f"trial_id IN ({ended})", (count,), None, False)}
        with self._database.read() as connection:
            return [found[row[0]] for row in connection.execute(ended, (count,)) if row[0] in found]

    def pending(self) -> list[TrialRecord]:
        """Trials that have not ended, those with most epochs first: a resume continues before it begins."""
        open_trials = self._trials("state IN ('pending', 'running')", (), None, False)
        return sorted(open_trials, key=lambda trial: (-len(trial.epochs), trial.number))

    def _trials(self, where: str, values: tuple[Any, ...], chosen: Epochs, whole: bool) -> list[TrialRecord]:
        ids = f"SELECT trial_id FROM trials WHERE {where}"
        epochs: dict[str, list[EpochRecord]] = defaultdict(list)
        with self._database.read() as connection:
            gradients, late = self._detailed(connection, ids, values, whole)
            rows = connection.execute(f"SELECT * FROM epochs WHERE trial_id IN ({ids}) {_only(chosen)}", values)
            record = codec.epoch_reader([column[0] for column in rows.description])
            for row in rows:
                epochs[row["trial_id"]].append(record(row, gradients(row)))
            rows = connection.execute(f"SELECT * FROM trials WHERE {where} ORDER BY number", values)
            return [codec.trial_record(row, _in_order(epochs[row["trial_id"]]), late(row)) for row in rows]

    def _detailed(
        self, connection: sqlite3.Connection, ids: str, values: tuple[Any, ...], whole: bool
    ) -> tuple[Callable[[sqlite3.Row], tuple[GradientProfile, ...]], Callable[[sqlite3.Row], LatePair | None]]:
        """The profiles of a row of ``epochs``, and the late pair of one of ``trials``."""
        if details.in_rows(connection):  # of an earlier release, which nobody has opened to write
            return (
                lambda row: details.profiles_in_json(row["gradients"]),
                lambda row: details.late_in_json(row["late"]),
            )
        sql = f"SELECT trial_id, best_epoch, last_epoch FROM late_pairs WHERE trial_id IN ({ids})"
        paired = {row["trial_id"]: tuple(row) for row in connection.execute(sql, values)}
        if not whole:
            return (
                lambda row: self._later.profiles(row["trial_id"], row["epoch"]),
                lambda row: self._later.late(*paired[row["trial_id"]]) if row["trial_id"] in paired else None,
            )
        profiles = dict(details.every_profile(connection, ids, values))
        return (
            lambda row: profiles.get((row["trial_id"], row["epoch"]), ()),
            lambda row: details.late_of(connection, row["trial_id"]) if row["trial_id"] in paired else None,
        )


def _only(chosen: Epochs) -> str:
    """The condition for these rows of ``epochs``; by its primary key, each trial's last is found without the others."""
    if chosen is None:
        return ""
    if chosen == "last":
        return "AND epoch = (SELECT max(epoch) FROM epochs AS every WHERE every.trial_id = epochs.trial_id)"
    return f"AND epoch IN ({', '.join(map(str, map(int, chosen)))})"


def _in_order(epochs: list[EpochRecord]) -> tuple[EpochRecord, ...]:
    return tuple(sorted(epochs, key=attrgetter("epoch")))


def _put_epochs(connection: sqlite3.Connection, trial_id: str, records: Sequence[EpochRecord]) -> None:
    columns, rows = codec.epoch_rows(trial_id, records)
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO epochs ({', '.join(columns)}) VALUES ({places})", rows)
    details.put_profiles(connection, trial_id, {record.epoch: record.gradients for record in records})


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
