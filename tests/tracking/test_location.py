from pathlib import Path

import pytest
from studies_by_hand import run_by_hand

from fitscape.study.config import TrackingConfig
from fitscape.study.tracking import Shipper, redact
from fitscape.study.tracking.location import locate


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("http://ann:s3cret@host:5000/path", "http://host:5000/path"),
        ("https://s3cret@host", "https://host"),
        ("postgresql+psycopg://ann:s3cret@db:5432/mlflow", "postgresql+psycopg://ann@db:5432/mlflow"),
        ("postgresql://db/mlflow?user=ann&password=s3cret", "postgresql://db/mlflow?user=ann"),
        ("http://ann:s3cret%40x@host/?token=s3cret", "http://host/"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////runs/mlflow.db", "sqlite:////runs/mlflow.db"),
    ],
)
def test_what_may_be_written_down_has_no_secret_and_still_connects(uri, public):
    assert redact(uri) == public
    assert "s3cret" not in locate(Path("runs"), TrackingConfig(uri=uri)).sink


def test_without_a_uri_the_studies_of_a_root_share_one_store_of_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    location = locate(Path("runs"), TrackingConfig())
    assert location.sqlite == tmp_path / "runs" / "mlflow.db"
    assert location.artifacts == str(tmp_path / "runs" / "mlartifacts" / "fitscape")
    assert locate(Path("runs"), TrackingConfig(uri="sqlite:///a.db")).sqlite == tmp_path / "a.db"


def test_a_password_in_the_uri_stays_out_of_ledger_errors_and_tags(ledger, server):
    host = server.uri.removeprefix("http://")
    run_by_hand(ledger)
    for uri in (f"http://ann:s3cret@{host}", "http://ann:s3cret@127.0.0.1:9"):
        shipper = Shipper(ledger.path, TrackingConfig(uri=uri), interval=0.05)
        shipper.start()
        backlog = shipper.close(20 if host in uri else 1)
        assert backlog.empty == (host in uri)
        assert "s3cret" not in backlog.error
    assert "s3cret" not in str(server.runs(ledger.uid))
    assert b"s3cret" not in ledger.backup(ledger.path.with_name("copy.db")).read_bytes()


def test_processes_that_open_a_fresh_store_at_once_all_succeed(fresh_store):
    """Row 15: without the lock all but one fail in the migration."""
    assert fresh_store.codes == [0, 0], fresh_store.complaints
