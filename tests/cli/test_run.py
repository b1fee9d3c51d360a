"""``run`` and ``resume``: what the driver is handed, and what never reaches it."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from command import Command
from studies_by_hand import wait_until

from fitscape.study import driver
from fitscape.study.config.sections import Until
from fitscape.study.errors import ExitCode
from fitscape.study.ledger import StudyLock


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What the driver was called with; it answers that some trials failed."""
    made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def take(*given: Any, **named: Any) -> ExitCode:
        made.append((given, named))
        return ExitCode.TRIALS_FAILED

    for name in ("run", "resume", "finish"):
        monkeypatch.setattr(driver, name, take)
    return made


def test_run_hands_over_study_root_address_and_view(fitscape: Command, calls: list[Any]) -> None:
    ran = fitscape(
        *("run", "quickstart", "--name", "n", "--root", "r", "--trials", "5", "--sampler", "random"),
        *("--set", "base.seed=3", "--address", "auto", "--tracking-uri", "http://x", "--quiet"),
    )
    assert (ran.code, ran.out, ran.err) == (3, "", "")
    (((config, root), named),) = calls
    assert (config.name, config.search.trials, config.search.sampler) == ("n", 5, "random")
    assert (config.base.seed, config.tracking.uri, root) == (3, "http://x", Path("r"))
    assert named["address"] == "auto"
    assert named["observer"].tally.folder == Path("r/n")


def test_a_network_of_timm_that_is_not_at_hand_ends_in_one_line(
    fitscape: Command, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "quickstart", "--set", "base.model.width=1")
    unknown = fitscape(*words, "--set", "base.model.family=timm:resnet10tt")
    assert unknown.refusal.endswith("timm has no network 'resnet10tt' (did you mean timm:resnet10t?)")
    monkeypatch.setitem(sys.modules, "timm", None)
    absent = fitscape(*words, "--set", "base.model.family=timm:resnet10t")
    assert absent.refusal.endswith("base.model.family: timm is not installed (pip install 'timm>=1.0.20')")
    assert calls == []


def test_resume_hands_over_target_and_allowed_changes(fitscape: Command, calls: list[Any], small: Path) -> None:
    assert fitscape("resume", "small", "--trials", "30", "--allow", "data, code").code == 3
    (((folder,), named),) = calls
    assert folder == Path("fitscape-runs/small")
    assert (named["trials"], named["allow"]) == (30, frozenset({"data", "code"}))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resume", "small", "--allow", "everything"), "--allow: 'everything' is not one of data, code, config"),
        (("resume", "small", "--trials", "0"), "--trials: 0 is not at least 1"),
        (("resume", "smal"), "fitscape-runs: no study is called 'smal' (did you mean small?)"),
        (("run", "quickstart", "--trials", "0"), "--trials: 0 is not at least 1"),
        (("run", "quickstart", "--name", "a/b"), "--name: 'a/b' is not a name"),
        (("run", "quickstart", "--sampler", "sobl"), "--sampler: 'sobl' is not one of"),
        (("run", "quickstart", "--scale", "day"), "--scale: no scale 'day'"),
    ],
)
def test_bad_words_never_reach_the_driver(
    fitscape: Command, calls: list[Any], small: Path, words: tuple[str, ...], message: str
) -> None:
    assert fitscape(*words).refusal.startswith(message)
    assert calls == []


def test_a_time_limit_is_read_as_a_person_writes_it(fitscape: Command, calls: list[Any], small: Path) -> None:
    fitscape("run", "quickstart", "--for", "1h30m", "--quiet")
    fitscape("resume", "small", "--for", "90", "--quiet")
    assert [named["time_limit"] for _, named in calls] == [5400.0, 90.0]
    for wrong in ("soon", "0s"):
        ran = fitscape("run", "quickstart", "--for", wrong)
        assert ran.code == ExitCode.BAD_INPUT, ran
        assert "--for" in ran.err
    assert len(calls) == 2


def test_a_goal_is_read_with_the_time_and_written_into_the_study(
    fitscape: Command, calls: list[Any], small: Path
) -> None:
    fitscape("run", "regimes", "--until", "decided=0.9", "--for", "20m", "--quiet")
    fitscape("resume", "small", "--until", "decided=85%", "--quiet")
    (given, named), (_, resumed) = calls
    assert given[0].search.until == Until(decided=0.9)
    assert named["time_limit"] == 1200.0
    assert resumed["until"] == {"decided": 0.85}
    for wrong in ("decided", "decided=9", "decided=nan", "labelled=0.9"):
        assert fitscape("run", "regimes", "--until", wrong).code == ExitCode.BAD_INPUT
    misspelt = fitscape("run", "regimes", "--set", "search.until.deciding=0.9")
    assert "no such key (did you mean decided?)" in misspelt.refusal
    nothing = fitscape("run", "quickstart", "--set", "space={}", "--until", "decided=0.9")
    assert "search.until: nothing is searched" in nothing.refusal
    assert len(calls) == 2


def test_a_study_that_nobody_drives_is_finished_here(fitscape: Command, calls: list[Any], small: Path) -> None:
    assert fitscape("finish", "small", "--quiet").code == ExitCode.TRIALS_FAILED
    assert calls[0][0] == (Path("fitscape-runs/small"),)


def test_a_study_that_runs_is_asked_to_finish_and_waited_for(fitscape: Command, small: Path) -> None:
    lock = StudyLock(small).acquire()

    def wind_up() -> None:
        wait_until((small / "finish").exists, 20)
        (small / "report").mkdir()
        (small / "report" / "index.html").write_text("")
        lock.release()

    driving = threading.Thread(target=wind_up)
    driving.start()
    ran = fitscape("finish", "small")
    driving.join()
    assert ran.code == ExitCode.DONE
    assert f"process {os.getpid()}" in ran.out
    assert ran.out.rstrip().endswith("report  fitscape-runs/small/report/index.html")
    assert not (small / "finish").exists()
