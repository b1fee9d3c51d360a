"""The README as a stranger uses it: its commands are taken, its Python runs."""

import shlex
from pathlib import Path

import pytest
from outputs import quickstart
from pages import REPOSITORY, blocks
from PIL import Image
from report_studies import simulated_study
from strangers import landscape

from fitscape.study import driver, recipes
from fitscape.study.cli import main, unseal
from fitscape.study.driver import preflight

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
    simulated_study(folder / "fitscape-runs", recipes.get("regimes"), 36)
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


def test_its_studies_have_names_of_their_own() -> None:
    runs = [shlex.split(command)[2:] for command in COMMANDS if command.startswith("fitscape run")]
    names = [words[words.index("--name") + 1] if "--name" in words else words[0] for words in runs]
    assert len(set(names)) == len(names) > 2


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quickstart(tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = [block.text for block in blocks(REPOSITORY / "README.md") if block.language == "python"]
    exec(code, {})
