"""Exactly once on PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lacking import lacking
from postgres import installed, postgres, rows
from studies_by_hand import epoch_record, run_by_hand

from fitscape.study.config import TrackingConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import TrialState
from fitscape.study.tracking import check, projection, sync, totals

pytestmark = pytest.mark.alone

pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    if not installed():
        lacking("PostgreSQL (Debian: postgresql)")
    with postgres() as uri:
        yield uri


def test_every_point_is_in_postgres_once_after_shipping_twice(database: str, ledger: Ledger, tmp_path: Path):
    """Rows 7 and 8 on PostgreSQL; NaN among the points."""
    config = TrackingConfig(uri=database)
    assert check(tmp_path, config) is None
    run_by_hand(ledger, seed=1, epochs=5)
    diverged = run_by_hand(ledger, seed=2, epochs=2, end=None)
    ledger.record_epoch(diverged, epoch_record(3, train_loss=float("nan"), val_loss=float("inf")))
    ledger.end_trial(diverged, TrialState.DIVERGED)
    assert sync(ledger.path, database).empty
    with ledger._database.write() as connection:  # as after a cursor that was never written
        connection.execute("DELETE FROM cursors")
    assert sync(ledger.path, database).empty
    expected = sum(len(projection.metrics(record)) for trial in ledger.trials() for record in trial.epochs)
    expected += len(totals.points(ledger, {}))  # of the study's own run
    assert rows(database, "SELECT count(*) FROM metrics") == [(expected,)]
    assert rows(database, "SELECT count(*) FROM (SELECT DISTINCT run_uuid, key, step FROM metrics) AS once") == [
        (expected,)
    ]
    assert rows(database, "SELECT count(*) FROM metrics WHERE is_nan") == [(1,)]
    assert sorted(rows(database, "SELECT status FROM runs")) == [("FINISHED",), ("FINISHED",), ("KILLED",)]
    assert b"s3cret" not in ledger.path.read_bytes() + ledger.path.with_name("ledger.db-wal").read_bytes()
