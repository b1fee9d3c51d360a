"""A store that cannot take a study is found before its first trial, with what would help."""

import itertools
import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, create_engine, event, text

from fitscape.study.config import TrackingConfig
from fitscape.study.tracking import check
from fitscape.study.tracking.client import Client, load
from fitscape.study.tracking.location import locate
from fitscape.study.tracking.store_file import _revisions, make_whole, trouble_of


def head() -> str:
    known, before = _revisions()
    (newest,) = known - before
    return newest


def store(file: Path, version: str, stage: str = "active", runs: int = 0) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE experiments (name TEXT, lifecycle_stage TEXT)")
        connection.execute("CREATE TABLE runs (x)")
        connection.executemany("INSERT INTO runs VALUES (?)", [(number,) for number in range(runs)])
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        connection.execute("INSERT INTO experiments VALUES ('fitscape', ?)", (stage,))


def test_a_store_of_this_mlflow_and_one_to_be_made_are_well(tmp_path: Path) -> None:
    assert trouble_of(tmp_path / "mlflow.db", "fitscape") is None
    (tmp_path / "empty.db").touch()
    assert trouble_of(tmp_path / "empty.db", "fitscape") is None
    store(tmp_path / "mlflow.db", head())
    assert trouble_of(tmp_path / "mlflow.db", "fitscape") is None


def test_a_deleted_experiment_is_named_with_both_ways_out(tmp_path: Path) -> None:
    store(tmp_path / "mlflow.db", head(), "deleted")
    trouble = check(tmp_path, TrackingConfig())
    assert trouble is not None
    assert trouble.what == f"the experiment 'fitscape' is deleted in {tmp_path / 'mlflow.db'}"
    assert "mlflow experiments restore" in trouble.fix
    assert "--set tracking.experiment=NAME" in trouble.fix
    assert check(tmp_path, TrackingConfig(experiment="another")) is None


@pytest.mark.parametrize(("version", "fix"), [("older", "mlflow db upgrade"), ("from the future", "newer")])
def test_another_schema_is_named(tmp_path: Path, version: str, fix: str) -> None:
    older = next(iter(_revisions()[1]))
    store(tmp_path / "mlflow.db", older if version == "older" else "ffffffffffff", runs=1)
    trouble = check(tmp_path, TrackingConfig())
    assert trouble is not None
    assert fix in trouble.fix


def test_a_store_whose_maker_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    store(tmp_path / "mlflow.db", next(iter(_revisions()[1])))
    assert check(tmp_path, TrackingConfig()) is None


def test_one_that_was_killed_before_its_first_version_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE experiments (name TEXT)")
        connection.execute("CREATE TABLE tags (x)")
    assert check(tmp_path, TrackingConfig()) is None


def test_one_whose_writer_was_killed_within_a_transaction_is_looked_into(tmp_path: Path) -> None:
    store(tmp_path / "live.db", head(), "deleted", runs=2000)
    with sqlite3.connect(tmp_path / "live.db") as connection:
        connection.execute("PRAGMA cache_size=1")  # so that unfinished changes reach the file
        connection.execute("UPDATE runs SET x = 'unfinished'")
        for left in ("live.db", "live.db-journal"):  # as a killed writer leaves them, unlocked
            (tmp_path / left.replace("live", "mlflow")).write_bytes((tmp_path / left).read_bytes())
    trouble = check(tmp_path, TrackingConfig())
    assert trouble is not None
    assert "is deleted" in trouble.what
    assert check(tmp_path, TrackingConfig(experiment="another")) is None
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT count(*), max(x) FROM runs").fetchone() == (2000, 1999)


def make_and_die(root: Path, statements: int) -> None:
    """In a process of its own: kill -9 before the n-th statement that would reach a database."""
    left = itertools.count(statements, -1)

    def count(*_: object) -> None:
        if not next(left):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    Client(locate(root, TrackingConfig()))


def test_a_maker_that_is_killed_anywhere_leaves_a_whole_store_or_none(tmp_path: Path) -> None:
    load()
    for statements in (2, 40, 400):
        maker = multiprocessing.get_context("fork").Process(target=make_and_die, args=(tmp_path, statements))
        maker.start()
        maker.join(120)
        assert maker.exitcode == -signal.SIGKILL
        assert check(tmp_path, TrackingConfig()) is None
        assert not (tmp_path / "mlflow.db").exists()
    assert Client(locate(tmp_path, TrackingConfig())).experiment_id
    assert not list(tmp_path.glob(".mlflow.db*"))


def test_where_files_cannot_be_linked_the_store_is_made_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert Client(locate(tmp_path, TrackingConfig())).experiment_id
    assert not list(tmp_path.glob(".mlflow.db*"))


def test_what_is_no_database_or_another_s_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database at all, just text...")
    trouble = check(tmp_path, TrackingConfig())
    assert trouble is not None
    assert trouble.what == f"{tmp_path / 'mlflow.db'} is not a database"
    with sqlite3.connect(tmp_path / "photos.db") as connection:
        connection.execute("CREATE TABLE photos (x)")
    other = trouble_of(tmp_path / "photos.db", "fitscape")
    assert other is not None
    assert "another program's tables" in other.what
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + os.urandom(4000))
    broken = trouble_of(damaged, "fitscape")
    assert broken is not None
    assert "cannot be read" in broken.what


def test_looking_changes_nothing(tmp_path: Path) -> None:
    store(tmp_path / "mlflow.db", head())
    before = (tmp_path / "mlflow.db").read_bytes()
    trouble_of(tmp_path / "mlflow.db", "fitscape")
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_store_in_the_making_waits_for_no_disk_and_another_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fifty migrations took minutes on a slow disk, and each ``sync`` began them anew."""
    load()
    from mlflow.store.tracking import sqlalchemy_store

    modes = []

    def store(uri: str, _: str) -> SimpleNamespace:
        for place in (uri, f"sqlite:///{tmp_path}/other.db"):
            engine = create_engine(place)
            with engine.connect() as connection:
                modes.append(connection.execute(text("PRAGMA synchronous")).scalar())
                connection.execute(text("CREATE TABLE x (y)"))
        return SimpleNamespace(engine=engine)

    monkeypatch.setattr(sqlalchemy_store, "SqlAlchemyStore", store)
    make_whole(tmp_path / "mlflow.db")
    assert modes == [0, 2]
    assert (tmp_path / "mlflow.db").is_file()
