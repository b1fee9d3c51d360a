"""``list studies``, ``delete`` and ``gc``."""

import json
import re
from pathlib import Path

import pytest
from command import Command

from fitscape.study.files import BACKUP, LEDGER
from fitscape.study.ledger import StudyLock


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITSCAPE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


def test_studies_are_listed_with_state_trials_size_and_time(fitscape: Command, small: Path) -> None:
    (small.parent / "lost").mkdir()
    (small.parent / "lost" / BACKUP).write_bytes(b"x" * 2000)
    (small.parent / "odd").mkdir()
    (small.parent / "odd" / LEDGER).write_bytes(b"no database" * 100)
    lost, odd, running = fitscape("list", "studies").out.splitlines()
    assert re.fullmatch(r"lost   ledger lost +2\.0 kB  \d{4}-\d\d-\d\d \d\d:\d\d", lost)
    assert odd.startswith("odd    unreadable")
    assert re.match(r"small  interrupted 16 of 20 trials +[\d.]+ kB", running)
    with StudyLock(small):
        assert json.loads(fitscape("list", "studies", "--json").out)["small"]["state"] == "running"
    assert fitscape("list", "studies", "--root", "elsewhere").out == "no study is in elsewhere\n"


def test_delete_says_first_what_would_go(fitscape: Command, small: Path) -> None:
    out = fitscape("delete", "small").out
    assert re.search(r"holds [\d.]+ kB; `fitscape delete small --yes` removes it", out)
    assert small.exists()
    with StudyLock(small):
        assert "is run by process" in fitscape("delete", "small", "--yes").refusal
    assert "removed fitscape-runs/small" in fitscape("delete", "small", "--yes").out
    assert not small.exists()


def test_gc_says_first_how_much_would_go(fitscape: Command, small: Path) -> None:
    assert fitscape("gc").out == "nothing to remove\n"
    trial_id = json.loads(fitscape("status", "small", "--json").out)["failures"][0]["trial_id"]
    file = small / "checkpoints" / trial_id / "000001.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 1234)
    first = fitscape("gc").out
    assert (
        f"1.2 kB  {Path('fitscape-runs/small/checkpoints') / trial_id}: checkpoints of a trial that has ended" in first
    )
    assert "1.2 kB in all; nothing was removed" in first
    assert file.exists()
    assert "1.2 kB removed" in fitscape("gc", "--yes").out
    assert not file.parent.exists()


def test_status_says_how_large_the_parts_of_a_study_are(fitscape: Command, small: Path) -> None:
    (small / "checkpoints").mkdir()
    (small / "checkpoints/x.ckpt").write_bytes(b"x" * 5000)
    assert re.search(
        r"^size     ledger [\d.]+ kB, report 0 B, checkpoints 5\.0 kB, other \d+ B$",
        fitscape("status", "small").out,
        re.M,
    )
