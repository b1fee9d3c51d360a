"""Exactly once on PostgreSQL too: a real one, in a folder of its own, on a Unix socket and a loopback port."""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from mlflow_server import free_port
from studies_by_hand import epoch_record, run_by_hand

from study.config import TrackingConfig
from study.ledger import Ledger
from study.records import TrialState
from study.tracking import check, projection, sync

BINARIES = next((p for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/none"))
pytest.importorskip("psycopg")


def as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    if not (BINARIES / "initdb").exists():
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="fitscape-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, port = str(folder / "data"), free_port()
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    settings = f"-c fsync=off -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    subprocess.run(as_postgres(str(BINARIES / "initdb"), "-D", data, "-A", "trust"), check=True, capture_output=True)
    control = as_postgres(str(BINARIES / "pg_ctl"), "-D", data, "-w")
    subprocess.run([*control, "-o", settings, "-l", str(folder / "log"), "start"], check=True, capture_output=True)
    yield f"postgresql+psycopg://{user}:s3cret@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)


def rows(uri: str, query: str) -> list[tuple]:
    engine = sqlalchemy.create_engine(uri)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    engine.dispose()
    return found


def test_every_point_is_in_postgres_once_after_shipping_twice(postgres: str, ledger: Ledger, tmp_path: Path):
    """Rows 7 and 8 on PostgreSQL; NaN among the points."""
    config = TrackingConfig(uri=postgres)
    assert check(tmp_path, config) is None
    run_by_hand(ledger, seed=1, epochs=5)
    diverged = run_by_hand(ledger, seed=2, epochs=2, end=None)
    ledger.record_epoch(diverged, epoch_record(3, train_loss=float("nan"), val_loss=float("inf")))
    ledger.end_trial(diverged, TrialState.DIVERGED)
    assert sync(ledger.path, postgres).empty
    with ledger._database.write() as connection:  # as after a cursor that was never written
        connection.execute("DELETE FROM cursors")
    assert sync(ledger.path, postgres).empty
    expected = sum(len(projection.metrics(record)) for trial in ledger.trials() for record in trial.epochs)
    assert rows(postgres, "SELECT count(*) FROM metrics") == [(expected,)]
    assert rows(postgres, "SELECT count(*) FROM (SELECT DISTINCT run_uuid, key, step FROM metrics) AS once") == [
        (expected,)
    ]
    assert rows(postgres, "SELECT count(*) FROM metrics WHERE is_nan") == [(1,)]
    assert sorted(rows(postgres, "SELECT status FROM runs")) == [("FINISHED",), ("FINISHED",), ("KILLED",)]
    assert b"s3cret" not in ledger.path.read_bytes() + ledger.path.with_name("ledger.db-wal").read_bytes()
