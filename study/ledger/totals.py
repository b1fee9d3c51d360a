"""What a study has come to, counted by SQLite: nothing of it reads the trials."""

from dataclasses import dataclass

from fitscape.study.ledger.database import Database
from fitscape.study.ledger.outbox import EventKind
from fitscape.study.records import TrialState

# What a label rests on is another from then on.
_OVERTAKES = (EventKind.STUDY, EventKind.ENDED, EventKind.REOPENED, EventKind.VOIDED)
_ENDED = "state NOT IN ('pending', 'running')"


@dataclass(frozen=True)
class Running:
    """A trial that runs: epochs that it has recorded, and all that it will."""

    trial_id: str
    epoch: int
    epochs: int


class Totals:
    """Counts and sums over the tables of trials and epochs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[TrialState, int]:
        """Trials by state, every state named."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT state, count(*) FROM trials GROUP BY state").fetchall()
        found = {TrialState(state): count for state, count in rows}
        return {state: found.get(state, 0) for state in TrialState}

    def ended(self) -> list[str]:
        """Ids of the trials that have ended, in order of creation."""
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT trial_id FROM trials WHERE {_ENDED} ORDER BY number").fetchall()
        return [row["trial_id"] for row in rows]

    @property
    def unended(self) -> int:
        """Trials that are pending or run."""
        return sum(count for state, count in self.counts().items() if not state.terminal)

    @property
    def begun(self) -> bool:
        """Whether any trial has been started, or was read as one that had."""
        with self._database.read() as connection:
            sql = f"SELECT 1 FROM trials WHERE attempts > 0 OR {_ENDED} LIMIT 1"
            return connection.execute(sql).fetchone() is not None

    def seconds(self) -> float:
        """Of training and evaluation in all epochs whose times are known."""
        with self._database.read() as connection:
            sql = "SELECT total(train_seconds + eval_seconds) FROM epochs WHERE train_seconds + eval_seconds < 1e300"
            return float(connection.execute(sql).fetchone()[0])

    def running(self) -> list[Running]:
        """In order of creation."""
        sql = (
            "SELECT trial_id, (SELECT count(*) FROM epochs WHERE epochs.trial_id = trials.trial_id), "
            "json_extract(config, '$.optimization.epochs') FROM trials WHERE state = 'running' ORDER BY number"
        )
        with self._database.read() as connection:
            return [Running(*row) for row in connection.execute(sql)]

    def failures(self) -> dict[str, str]:
        """The message of each trial that failed, in order of creation."""
        sql = "SELECT trial_id, message FROM trials WHERE state = 'failed' ORDER BY number"
        with self._database.read() as connection:
            return {row["trial_id"]: row["message"] for row in connection.execute(sql)}

    def lowest(self, *errors: str) -> str | None:
        """The finished trial with the lowest finite last error; None where there is none.

        Args:
            errors: fields of EpochRecord; the first that was measured counts. A NaN was measured.
        """
        with self._database.read() as connection:
            there = {row["name"] for row in connection.execute("PRAGMA table_info(epochs)")}
            value = "NULL"
            for name in reversed([name for name in errors if name in there]):
                nan = f"instr(' ' || nans || ' ', ' {name} ')"
                value = f"CASE WHEN {nan} THEN NULL WHEN {name} IS NULL THEN {value} ELSE {name} END"
            row = connection.execute(
                f"SELECT trial_id, {value} AS error FROM epochs JOIN trials USING (trial_id) WHERE state = 'finished' "
                "AND epoch = (SELECT max(epoch) FROM epochs AS e WHERE e.trial_id = trials.trial_id) "
                "AND abs(error) < 1e300 ORDER BY error, number LIMIT 1"
            ).fetchone()
        return row["trial_id"] if row else None

    @property
    def changed(self) -> int:
        """The latest event after which map and labels are others; 0 where there was none."""
        return self._latest(_OVERTAKES)

    @property
    def labelled(self) -> bool:
        """Whether the labels that are kept are those of the trials and the config as they are now."""
        return self._latest((EventKind.LABELLED,)) > self.changed

    def _latest(self, kinds: tuple[EventKind, ...]) -> int:
        names = ", ".join(f"'{kind.value}'" for kind in kinds)
        with self._database.read() as connection:
            sql = f"SELECT coalesce(max(seq), 0) FROM events WHERE kind IN ({names})"
            return int(connection.execute(sql).fetchone()[0])
