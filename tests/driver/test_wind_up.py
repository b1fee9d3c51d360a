"""A run that is to end with what is there: by a limit, by `finish`, by a signal."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from odd_trials import Heard
from studies_by_hand import wait_until

from fitscape.study.config import StudyConfig
from fitscape.study.driver import ask_to_finish, run_study
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.run_study import Conduct
from fitscape.study.driver.wind_up import ASKED, ending_in_time
from fitscape.study.errors import ExitCode
from fitscape.study.records import TrialState
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.events import Outcome
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.time_limit import CLOSING, REPORT, TimeLimit


def test_a_study_that_is_asked_to_finish_winds_up(tmp_path: Path) -> None:
    folder, interruption = Folder(tmp_path), Interruption()
    with ending_in_time(folder, None, interruption, Aside(Heard())):
        ask_to_finish(tmp_path)
        wait_until(lambda: interruption.requested, 5)
    assert interruption.wound_up
    assert interruption.reason == ASKED
    assert not folder.finish.exists()


def test_what_an_earlier_run_was_asked_does_not_end_this_one(tmp_path: Path) -> None:
    ask_to_finish(tmp_path)
    interruption = Interruption()
    with ending_in_time(Folder(tmp_path), None, interruption, Aside(Heard())):
        assert not interruption.wait(0.6)


def test_a_run_whose_time_is_up_winds_up_before_it_is_up(tmp_path: Path) -> None:
    interruption = Interruption()
    with ending_in_time(Folder(tmp_path), TimeLimit(CLOSING + REPORT + 0.25), interruption, Aside(Heard())):
        wait_until(lambda: interruption.requested, 5)
    assert interruption.wound_up
    assert interruption.reason == "its time of 10.25s is up"


class NoShipper:
    def close(self, within: float, **_: Any) -> Any:
        return SimpleNamespace(empty=True, points=0)


@pytest.mark.parametrize(
    ("ended_by", "ended", "reports", "code"),
    [
        (None, 3, True, ExitCode.DONE),
        (None, 0, False, ExitCode.DONE),
        (signal.SIGINT, 3, True, ExitCode.INTERRUPTED),
        (signal.SIGUSR1, 3, True, ExitCode.USER_1),
        (signal.SIGTERM, 3, False, ExitCode.TERMINATED),
    ],
)
def test_the_report_of_what_is_there_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ended_by: signal.Signals | None,
    ended: int,
    reports: bool,
    code: ExitCode,
) -> None:
    written: list[int] = []
    monkeypatch.setattr(
        run_study, "labels_and_report", lambda folder, count, data: written.append(count) or ("page", "")
    )
    monkeypatch.setattr(run_study, "parent_url", lambda *_: None)
    interruption = Interruption()
    if ended_by is None:
        interruption.wind_up(ASKED)
    else:
        interruption.request("ended", by=ended_by)
    conduct: Any = Conduct(Folder(tmp_path), None, Aside(Heard()), interruption, None)  # type: ignore[arg-type]
    outcome = Outcome(counts={TrialState.FINISHED: ended}, interrupted=interruption.reason, seconds=1.0)
    assert conduct._conclude(StudyConfig(name="s"), outcome, NoShipper()) == code
    assert written == ([ended] if reports else [])
