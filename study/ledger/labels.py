"""Regime labels as they were given, each with the thresholds it was given under."""

from collections.abc import Iterable

from fitscape.study.ledger import codec
from fitscape.study.ledger.database import Database, insert
from fitscape.study.ledger.outbox import EventKind, append
from fitscape.study.records import Label


class Labels:
    """The table of labels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_labels(self, labels: Iterable[Label]) -> None:
        """Keep labels; each replaces what the same thresholds said about the same trial and epoch."""
        with self._database.write() as connection:
            for label in labels:
                insert(connection, "INSERT OR REPLACE INTO labels", codec.label_row(label))
                append(connection, EventKind.LABELLED, label.trial_id, label.epoch)

    def latest_labels(self, version: int, tau: float) -> dict[str, Label]:
        """Under one set of thresholds, the label of each trial's last labelled epoch."""
        return {label.trial_id: label for label in self.labels(version=version, tau=tau)}  # in order of epochs

    def labels(self, *, version: int | None = None, tau: float | None = None) -> list[Label]:
        """All labels, or those of one set of thresholds, by trial and epoch."""
        sql = (
            "SELECT labels.* FROM labels JOIN trials USING (trial_id) "
            "WHERE (?1 IS NULL OR thresholds_version = ?1) AND (?2 IS NULL OR tau = ?2) "
            "ORDER BY number, thresholds_version, tau, epoch"
        )
        with self._database.read() as connection:
            return [codec.label_record(row) for row in connection.execute(sql, (version, tau))]
