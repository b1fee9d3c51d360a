"""The command as a process and its last line of defence."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import Command

from fitscape.study.errors import StudyChanged, UserError

REPOSITORY = Path(__file__).parents[2]


def spawn(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"}
    code = "from fitscape.study.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fitscape.study.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([m for m in ('torch', 'ray', 'mlflow', 'optuna', 'pandas', 'pydantic') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "nope"), "no recipe is called 'nope'"),
        (("run", "quickstart", "--set", "data.dataset=mnist"), "'mnist' is not a data set"),
        (("run", "quickstart", "--set", "resources.gpus_per_trial=64"), "a trial asks for 64 GPU, this machine has"),
        (("run", "quickstart", "--set", "data.dataset=folder:one"), "has one class only, cats"),
        (("run", "quickstart", "--set", "data.dataset=folder:empty"), "--set data.dataset: /"),
        (("run", "quickstart", "--set", "data.dataset=folder:empty"), "has no subfolders"),
        (("run", "quickstart", "--name", "my study"), "fitscape: --name: 'my study' is not a name"),
        (("run", "quickstart", "--set", "width"), "(as in --set base.model.width=0.5)"),
        (("list", "studies", "--lang", "xx"), "fitscape: --lang: no language 'xx' (it is one of en, ko)"),
        (("frobnicate",), "No such command 'frobnicate'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one" / "cats").mkdir(parents=True)
    (tmp_path / "one" / "cats" / "a.png").touch()
    ran = spawn(*words, folder=tmp_path)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("fitscape: ")
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "fitscape-runs").exists()


def test_a_reader_that_leaves_is_no_fault(tmp_path: Path) -> None:
    """It has left before the first word: a pipe takes 64 KiB without a reader's help, more than most answers have."""
    ran = subprocess.Popen(
        [sys.executable, "-c", "from fitscape.study.cli import main; main()", "schema"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert ran.stdout is not None
    ran.stdout.close()
    assert ran.stderr is not None
    assert (ran.stderr.read(), ran.wait(timeout=60)) == ("", 0)


LEFT = """
import atexit, sys, threading, time
from fitscape.study.cli import leave
atexit.register(lambda: print("exit function"))
threading.Thread(target=lambda: (time.sleep(0.3), print("{text}")), daemon={daemon}).start() if "{text}" else None
leave(3)
"""


@pytest.mark.parametrize(
    ("text", "daemon", "shown"),
    [
        ("", False, ["exit function"]),
        ("a thread's work", False, ["a thread's work", "exit function"]),
        ("a hung thread", True, []),  # what it may hold, no exit function can be asked to wait for
    ],
)
def test_the_end_waits_for_threads_and_exit_functions_but_not_for_daemons(
    text: str, daemon: bool, shown: list[str]
) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    code = LEFT.format(text=text, daemon=daemon)
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.splitlines()) == (3, shown)


def test_no_words_are_help(fitscape: Command) -> None:
    ran = fitscape()
    assert ran.code == 0
    assert "Exit codes" in " ".join(ran.out.split())
    assert ran.err == ""
    assert "..." not in ran.out.partition("Commands:")[2], "the first line of a command's help is too long"


def test_version(fitscape: Command) -> None:
    assert fitscape("--version").out.startswith("fitscape 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "Missing argument 'RECIPE|FILE.yaml' (see fitscape run --help)"),
        (("run", "quickstart", "--trials", "many"), "--trials: 'many' is not a whole number"),
        (("run", "quickstart", "--until", "decided=90"), "--until: 'decided=90' is not a goal: write decided=0.9"),
        (("run", "quickstart", "--for", "soon"), "--for: 'soon' is not a length of time: write 90s, 20m or 1h30m"),
        (("run", "quickstart", "--nmae", "x"), "No such option: --nmae"),
        (("export", "small"), "Missing option '--to'"),
        (("ui", "--port", "99999"), "Invalid value for '--port'"),
    ],
)
def test_a_wrong_use_of_the_command_is_one_line(fitscape: Command, words: tuple[str, ...], message: str) -> None:
    assert fitscape(*words).refusal.startswith(message)


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(kind: str) -> None:
        raise error

    monkeypatch.setattr("fitscape.study.cli.look._entries", fail)


def test_a_fault_of_ours_is_one_line_and_says_how_to_see_more(
    fitscape: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(ZeroDivisionError("two\nlines"), monkeypatch)
    ran = fitscape("list", "models")
    assert ran.code == 1
    assert ran.err == "fitscape: ZeroDivisionError: two lines; this is a fault of fitscape, run again with --debug\n"


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), UserError("x")])
def test_debug_shows_the_traceback_wherever_it_stands(
    fitscape: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from fitscape.study.cli import main

    raising(error, monkeypatch)
    for words in (["--debug", "list", "models"], ["list", "models", "--debug"]):
        with pytest.raises(type(error)):
            main(words)


def test_ctrl_c_leaves_with_130(fitscape: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(KeyboardInterrupt(), monkeypatch)
    assert fitscape("list", "models").code == 130


def test_a_changed_study_shows_every_difference(fitscape: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(StudyChanged("has changed:\n  code: a was 1, is 2\n  data: b", where="x", fix="undo it"), monkeypatch)
    ran = fitscape("list", "models")
    assert ran.code == 2
    assert ran.err == "fitscape: x: has changed:\n  code: a was 1, is 2\n  data: b (undo it)\n"


@pytest.mark.slow
def test_bad_input_is_refused_within_five_seconds(tmp_path: Path) -> None:
    """The contract's deadline. It is measured alone: beside other work a clock says nothing."""
    begin = time.monotonic()
    assert spawn("run", "quickstart", "--set", "search.trials=0", folder=tmp_path).returncode == 2
    assert time.monotonic() - begin < 5
