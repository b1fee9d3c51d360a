"""``study.log``: what it holds, when it begins, and that it stays small."""

import re
from pathlib import Path

import pytest
from hand_made import make_epoch, make_trial

from fitscape.study.driver import log_file
from fitscape.study.driver.log_file import LogFile
from fitscape.study.records import TrialState
from fitscape.study.scheduling.events import EpochEnded, Finished, Message, Started, TrialEnded

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_trial_ends_retries_and_messages_are_lines_with_time_and_level(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "study.log")
    log(Started(4, 0))
    log(TrialEnded(make_trial({"width": 0.5}, make_epoch(0.1, 0.2), attempts=1)))
    log(TrialEnded(make_trial({"width": 0.5}, make_epoch(0.1, 0.2), attempts=3, node="n7")))
    log(TrialEnded(make_trial({"width": 0.5}, state=TrialState.FAILED, message="oom: no\nmemory left")))
    log(EpochEnded("a", make_epoch(0.1, 0.2)))
    log(Message("trial a: checkpoint of epoch 3 is not used"))
    log(Finished({"seconds": 12.5, "interrupted": "SIGINT"}))
    log.close()
    lines = (tmp_path / "study.log").read_text().splitlines()
    assert all(re.match(rf"{TIME} (INFO|WARNING) +\S", line) for line in lines)
    assert [line.split()[1] for line in lines] == ["INFO", "INFO", *["WARNING"] * 4]
    assert "training error 0.1000, validation error 0.2000" in lines[1]
    assert "3 attempts on n7" in lines[2]
    assert lines[3].endswith("oom: no memory left")
    assert lines[4].endswith("checkpoint of epoch 3 is not used")
    assert lines[5].endswith("ended after 12.5 s: SIGINT")


def test_nothing_is_written_before_the_study_has_begun_and_nothing_is_lost(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "study.log")
    log(Message("waiting for a node"))
    assert not list(tmp_path.iterdir()), "the folder may be somebody else's"
    log(Started(4, 0))
    log.close()
    assert "waiting for a node" in (tmp_path / "study.log").read_text().splitlines()[0]


def test_a_long_log_keeps_its_newest_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "LARGEST", 500)
    log = LogFile(tmp_path / "study.log")
    log(Started(4, 0))
    for i in range(200):
        log(Message(f"message {i}"))
    log.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.log", "study.log.1", "study.log.2", "study.log.3"]
    assert all(p.stat().st_size <= 500 for p in tmp_path.iterdir())
    assert "message 199" in (tmp_path / "study.log").read_text()


def test_a_log_that_cannot_be_written_costs_its_lines_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study.log").mkdir()
    log = LogFile(tmp_path / "study.log")
    log(Started(4, 0))
    log(Message("anything"))
    log.close()
    assert capsys.readouterr().err == ""
