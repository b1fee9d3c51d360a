"""The README as a stranger uses it: its commands are taken, its Python runs."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from lacking import lacking
from mlflow_server import MlflowServer
from outputs import quickstart
from pages import REPOSITORY, blocks
from PIL import Image
from report_studies import simulated_study
from strangers import landscape

from fitscape.study import driver, recipes
from fitscape.study.cli import main, unseal
from fitscape.study.config import DataConfig
from fitscape.study.data import check_files
from fitscape.study.driver import preflight
from fitscape.study.ledger import TEST_ERRORS, Ledger
from fitscape.study.records import TrialState

USE = next(block for block in blocks(REPOSITORY / "README.md") if block.text.startswith("fitscape list"))
LINES = [line.partition(" #")[0].strip() for line in USE.text.splitlines()]
COMMANDS = [part.strip() for line in LINES for part in line.split("&&")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where lines are run, in any order; it is the home of the stranger's photos, too."""
    folder = tmp_path_factory.mktemp("stranger")
    for i in range(24):
        file = folder / "photos" / ("cat", "dog")[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (i, i, i)).save(file)
    landscape(12).to_csv(folder / "runs.csv", index=False)
    simulated_study(folder / "fitscape-runs", recipes.get("regimes"), 20)
    return folder


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_taken(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Studies are not run, the test part stays sealed and no server is started; all the rest is done."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("FITSCAPE_ROOT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for home, name, answer in (
        (driver, "run", 0),
        (driver, "resume", 0),
        (preflight, "preflight", []),
        (unseal, "unseal", None),
    ):
        monkeypatch.setattr(home, name, lambda *_, answer=answer, **__: answer)
    monkeypatch.setattr("fitscape.study.tracking.serve_ui", lambda *_: None)
    if "export" in line:
        (folder / line.split()[-1]).unlink(missing_ok=True)
    for command in line.split("&&"):
        program, *words = shlex.split(command)
        assert program == "fitscape"
        with pytest.raises(SystemExit) as left:
            main(words)
        assert not left.value.code, capsys.readouterr().err


# What makes a study of the README one of a minute. Nothing else of its lines is changed.
SMALL = {
    "run": "--trials 12 --set base.optimization.epochs=1 --set data.limit=600 "
    "--set base.optimization.steps_per_epoch=2",
    "resume": "--trials 14",
}


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(2400)
def test_its_lines_run_for_real(folder: Path, tmp_path: Path) -> None:
    """One after the other, each as a process; but for weights that would have to be fetched."""
    if check_files(DataConfig(dataset="fashion_mnist", root=str(tmp_path / "data"))).download:
        lacking("Fashion-MNIST's files (Debian: dataset-fashion-mnist)")
    for name in ("photos", "runs.csv"):
        (tmp_path / name).symlink_to(folder / name)
    environment = {"HOME": str(tmp_path), "FITSCAPE_DATA": str(tmp_path / "data")}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    for command in COMMANDS:
        _, *words = shlex.split(command)
        if any("torchvision:" in word for word in words):
            continue
        if "--trials" in words:
            words = words[: words.index("--trials")]
        words += shlex.split(SMALL.get(words[0], ""))
        if words[0] == "ui":
            assert_serves(tmp_path, environment)
            continue
        left = subprocess.run(
            [sys.executable, "-m", "fitscape", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert left.returncode == 0, (command, left.stdout, left.stderr)
    with Ledger.open(tmp_path / "fitscape-runs/regimes/ledger.db", read_only=True) as ledger:
        assert [trial.state for trial in ledger.trials()] == [TrialState.FINISHED] * 14
        assert ledger.notes(TEST_ERRORS)
    studies = {path.parent.name for path in tmp_path.glob("fitscape-runs/*/ledger.db")}
    assert {"regimes", "photos", "memorization", "theirs"} <= studies
    assert (tmp_path / "trials.parquet").stat().st_size > 0


def assert_serves(folder: Path, environment: dict[str, str]) -> None:
    """MLflow's pages answer, and end with their process."""
    words = [sys.executable, "-m", "fitscape", "ui", "--root", str(folder / "fitscape-runs"), "--port"]
    server = MlflowServer(lambda port: ([*words, str(port)], environment), folder / "ui.log")
    server.start()
    server.kill()


def test_its_studies_have_names_of_their_own() -> None:
    runs = [shlex.split(command)[2:] for command in COMMANDS if command.startswith("fitscape run")]
    names = [words[words.index("--name") + 1] if "--name" in words else words[0] for words in runs]
    assert len(set(names)) == len(names) > 2


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quickstart(tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = [block.text for block in blocks(REPOSITORY / "README.md") if block.language == "python"]
    exec(code, {})
