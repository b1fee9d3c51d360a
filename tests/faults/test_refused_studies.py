"""Rows 10 and 25 to 27 by the command: what may not run does not, in one answer, with exit code 2."""

import sqlite3
from pathlib import Path

import pytest
from commands import fitscape
from drivers import small_study

from fitscape.study.data import load
from fitscape.study.driver.folder import Folder, frozen
from fitscape.study.driver.provenance import provenance
from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a study that was begun and whose config, space, data and code are then changed."""
    before = frozen(small_study("changed", trials=4, epochs=1))
    folder = Folder(tmp_path / "changed")
    folder.make()
    facts = provenance(load(before.data))
    facts["code"]["trial_code"] = "0" * 16
    Ledger.create(folder.ledger, before, facts).close()
    document = before.model_dump(mode="json")
    document["space"]["lr"]["high"] = 0.5
    document["search"]["seed"] = 1
    document["data"]["limit"] = 500
    folder.config.write_text(dump(document))
    return tmp_path


def content(root: Path) -> list[str]:
    """All that the ledger says, as SQL, but for where it lies. Its header also counts that it was opened."""
    with sqlite3.connect(root / "changed" / "ledger.db") as connection:
        return [line for line in connection.iterdump() if "VALUES('place'" not in line]


def test_a_resume_shows_every_difference_and_touches_nothing(root: Path) -> None:
    before = content(root)
    left = fitscape("resume", "changed", "--root", root)
    assert left.code == 2, left
    for line in (
        "config: space.lr.high was 0.3, is 0.5",
        "config: search.seed was 0, is 1",
        "config: data.limit was None, is 500",
        "data: data_fingerprint was",
        "code: trial_code was 0000000000000000, is",
        "--allow config,data,code",
    ):
        assert line in left.err
    assert "Traceback" not in left.err
    with Ledger.open(root / "changed" / "ledger.db", read_only=True) as ledger:
        assert not ledger.trials()
    assert content(root) == before


@pytest.mark.alone
def test_a_run_without_its_mlflow_server_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    left = fitscape("run", "quickstart", "--root", tmp_path / "runs", "--tracking-uri", "http://127.0.0.1:9")
    assert left.code == 2, left
    assert "nothing answers" in left.err
    assert "start the MLflow server" in left.err
    assert not (tmp_path / "runs" / "quickstart" / "ledger.db").exists()
