"""What a run shows: the same events as lines, as JSON, on a screen, or not at all."""

import io
import json
import threading
from pathlib import Path

import pytest
from hand_made import make_epoch, make_trial
from rich.console import Console
from rich.text import Text

from fitscape.study.cli.lines import JsonLines, PlainLines, standing
from fitscape.study.cli.live import view
from fitscape.study.cli.screen import Screen, drawing
from fitscape.study.cli.tally import Tally
from fitscape.study.cli.view import View
from fitscape.study.cli.wording import duration, left_out
from fitscape.study.opened import open_study
from fitscape.study.records import Regime, TrialRecord, TrialState
from fitscape.study.scheduling.events import (
    DataRead,
    EpochEnded,
    Finished,
    Message,
    MlflowBehind,
    Observer,
    Started,
    TrialEnded,
    TrialStarted,
)

SUMMARY = {
    "folder": "runs/small",
    "report": "runs/small/report/index.html",
    "tracking": "http://127.0.0.1:5000/#/experiments/1",
    "guessing": "no better than guessing: no configuration is surely below chance",
    "ui": "fitscape ui --root runs",
    "unshipped_points": 0,
}


def play(observer: Observer, trial: TrialRecord) -> None:
    """A short run as the driver tells it."""
    observer(Started(20, 15))
    observer(TrialStarted(trial))
    observer(EpochEnded(trial.trial_id, make_epoch(0.5, 0.6, epoch=1, images_per_second=1234.0)))
    observer(MlflowBehind(42))
    observer(Message("a checkpoint was corrupt, the one before was used"))
    observer(TrialEnded(trial))
    observer(Finished(SUMMARY))


BROKEN = [f"cat/00{i}.png: truncated" for i in range(4)] + ["dog/\x1b[2Jx\udcff.jpg: not an image"]
LEFT_OUT = (
    "5 of 60 files cannot be read and are left out: "
    "cat/000.png: truncated; cat/001.png: truncated; cat/002.png: truncated; ..."
)


@pytest.fixture
def failed() -> TrialRecord:
    return make_trial({"lr": 0.3}, state=TrialState.FAILED, message="oom: no memory left")


def test_plain_lines(small: Path, failed: TrialRecord, capsys: pytest.CaptureFixture[str]) -> None:
    with PlainLines(small) as observer:
        play(observer, failed)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "small: 20 trials, 15 of them done"
    assert "a checkpoint was corrupt, the one before was used" in lines
    assert f"{failed.trial_id} failed: oom: no memory left  0 s  resnet18 lr=0.3" in lines[2]
    assert "16 of 20 trials ended" in lines[3]
    assert "best validation error 0.0500" in lines[3]
    assert "not in MLflow" not in lines[3]  # what was pending before is shipped now
    assert lines[4:] == [
        "verdict no better than guessing: no configuration is surely below chance",
        "report  runs/small/report/index.html",
        "MLflow  fitscape ui --root runs, then http://127.0.0.1:5000/#/experiments/1",
    ]


def test_json_lines(small: Path, failed: TrialRecord, capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLines(small) as observer:
        play(observer, failed)
        observer(EpochEnded("x", make_epoch(float("nan"), float("inf"))))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = ["start", "trial_start", "epoch", "backlog", "message", "trial_end", "finish", "epoch"]
    assert [event["event"] for event in events] == names
    by_name = {event["event"]: event for event in events[:-1]}
    assert by_name["trial_end"]["trial"]["state"] == "failed"
    assert by_name["finish"]["tally"]["ended"] == 16
    assert by_name["finish"]["tally"]["regimes"]["diverged"] == 1
    assert by_name["finish"]["summary"]["report"] == SUMMARY["report"]
    assert by_name["epoch"]["record"]["images_per_second"] == 1234.0
    assert events[-1]["record"]["val_error"] is None


def test_files_that_cannot_be_read_are_named_in_one_line(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_screen, shown = screen(small, width=40)
    for observer in (PlainLines(small), on_screen):
        observer(DataRead({"read": 55, "unreadable": BROKEN}))
        observer(DataRead({"read": 60, "unreadable": []}))
    line = f"{LEFT_OUT} (all of them: {small}/left-out.txt)\n"
    assert capsys.readouterr().out == line
    assert Text.from_ansi(shown.getvalue()).plain.rstrip("\n") == line.rstrip("\n")


def test_a_files_name_does_nothing_to_the_terminal() -> None:
    assert left_out({"read": 9, "unreadable": BROKEN[-1:]}).endswith(r": dog/\x1b[2Jx\udcff.jpg: not an image")


def test_the_data_are_told_as_json(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLines(small) as observer:
        observer(DataRead({"read": 55, "unreadable": BROKEN}))
    told = json.loads(capsys.readouterr().out)
    assert told["event"] == "data"
    assert told["summary"]["unreadable"] == BROKEN


def test_quiet_says_nothing(small: Path, failed: TrialRecord, capsys: pytest.CaptureFixture[str]) -> None:
    with view(small, quiet=True) as observer:
        play(observer, failed)
    assert capsys.readouterr() == ("", "")


def test_the_view_follows_the_options_and_the_terminal(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(view(small)) is PlainLines  # a test's stdout is no terminal
    assert type(view(small, as_json=True)) is JsonLines
    assert type(view(small, quiet=True)) is View
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert type(view(small)) is Screen
    monkeypatch.setenv("TERM", "dumb")
    assert type(view(small)) is PlainLines


def screen(small: Path, width: int = 80) -> tuple[Screen, io.StringIO]:
    shown = io.StringIO()
    return Screen(small, Console(file=shown, force_terminal=True, width=width, legacy_windows=False)), shown


def drawn(observer: Screen) -> str:
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(observer._draw())
    return console.export_text()


def test_a_screen_shows_counts_regimes_best_speed_and_backlog(small: Path, failed: TrialRecord) -> None:
    observer, shown = screen(small)
    with observer:
        observer(Started(20, 15))
        observer(TrialStarted(failed))
        observer(EpochEnded(failed.trial_id, make_epoch(0.5, 0.6, images_per_second=1234.0)))
        observer(MlflowBehind(42))
        text = drawn(observer)
        observer(TrialEnded(failed))
        observer(Finished(SUMMARY))
    for part in ("16/20", "1 running", "1 failed", "✕ 1 diverged", "0.0500", "1,234 images/s", "42 points pending"):
        assert part in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "oom: no memory left" in shown.getvalue()  # a failure stays to be read
    assert "report  runs/small/report/index.html" in shown.getvalue()


def test_every_view_names_the_regimes_that_undecided_trials_lie_between(tmp_path: Path) -> None:
    tally = Tally(tmp_path, total=4, regimes={Regime.GOOD: 1, Regime.UNDECIDED: 3}, between={"good or overfit": 3})
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(drawing(tally))
    for text in (console.export_text(), standing(tally)):
        assert "3 good or overfit" in text
        assert "undecided" not in text


def test_a_screen_is_left_alone_when_the_run_never_began(small: Path) -> None:
    observer, shown = screen(small)
    with pytest.raises(ValueError, match="bad input"), observer:
        raise ValueError("bad input")
    assert shown.getvalue() == ""


def test_threads_that_all_talk_at_once_never_wait_for_each_other(small: Path, failed: TrialRecord) -> None:
    observer, _ = screen(small)

    def talk() -> None:
        for i in range(150):
            observer(Message(str(i)))
            observer(EpochEnded(str(i), make_epoch(0.5, 0.5)))
            observer(MlflowBehind(i))
            observer._live.refresh()

    with observer:
        observer(Started(20, 0))
        threads = [threading.Thread(target=talk, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads)


def test_a_trial_that_the_ledger_told_of_before_its_event_came_counts_once(small: Path) -> None:
    """Views run aside, and may be seconds behind the ledger that they read."""
    tally = View(small).tally
    tally.start(20, 0)
    tally.read(at_once=True)
    there = tally.ended
    with open_study(small) as study:
        for trial in [trial for trial in study.trials if trial.state.terminal]:
            tally.trial_ended(trial)
    assert tally.ended == sum(tally.states.values()) == there


def test_time_left_is_by_this_runs_pace(small: Path, failed: TrialRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("fitscape.study.cli.tally.time.monotonic", lambda: now[0])
    tally = View(small).tally
    tally.start(20, 16)
    assert tally.left is None
    now[0] += 60
    tally.ends["one more"] = TrialState.FINISHED
    assert tally.left == pytest.approx(3 * 60)
    assert open_study(small).reread().trials


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
