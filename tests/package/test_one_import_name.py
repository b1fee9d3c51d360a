"""An installed fitscape owns one name, and works in a folder that has modules of the names it has inside."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation
from raylets import Raylets

import fitscape
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState

pytestmark = pytest.mark.alone  # some of them run a study, and the wheel is built once for all

STUDY = """
name: tiny
plugins: [my_nets.py]
base:
  model: {family: "my_nets.py:Net"}
  optimization: {epochs: 1, steps_per_epoch: 2, batch_size: 32, lr: 0.05}
enqueue:
  - {architecture: resnet18, width: 0.0625}
  - {architecture: plain18, width: 0.0625}
  - {architecture: densenet121, width: 0.0625, growth_rate: 4}
  - {}
space:
  architecture: {choices: [resnet18, plain18, densenet121, "my_nets.py:Net"]}
  weight_decay: {low: 1e-4, high: 1e-1, log: true}
search: {trials: 4}
"""
NET = """
import models  # the user's own
from torch import nn

assert models.MINE

def Net(channels, classes):
    body = [nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*body, nn.Linear(4, classes))
"""
WRONG = "raise ImportError('this is the module of the user')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with modules of its own, each of which breaks whoever imports it for ours."""
    folder = tmp_path / "project"
    for name in ("models/densenet.py", "models/spec.py", "study.py", "search_spaces/__init__.py", "tests/__init__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(WRONG)
    (folder / "models" / "__init__.py").write_text("MINE = True\n")
    (folder / "fitscape").mkdir()
    (folder / "fitscape" / "notes.txt").write_text("my own folder of this name\n")
    (folder / "tiny.yaml").write_text(STUDY)
    (folder / "my_nets.py").write_text(NET)
    return folder


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_", "FITSCAPE_", "PYTHONPATH"))}
    return {**clean, "HOME": str(tmp_path), "FITSCAPE_ROOT": str(tmp_path / "runs"), **more}


def run(
    installation: Installation, project: Path, environment: dict[str, str], *options: str, folder: Path | None = None
) -> None:
    """The study, from its folder or another one."""
    ran = subprocess.run(
        [installation.command, "run", str((project if folder else Path()) / "tiny.yaml"), *options],
        cwd=folder or project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    trials = open_study(Path(environment["FITSCAPE_ROOT"]) / "tiny").trials
    assert [trial.config.model.family for trial in trials] == ["resnet", "plain", "densenet", "my_nets.py:Net"]
    assert [(trial.state, trial.message) for trial in trials] == [(TrialState.FINISHED, "")] * 4


def test_a_wheel_has_one_top_level_name(installation: Installation) -> None:
    assert installation.names == ["fitscape"]


def test_the_api_is_imported_fast_and_from_the_wheel(installation: Installation, project: Path) -> None:
    """What it costs is what it loads: none of the heavy packages, and few modules at all."""
    program = (
        "import sys; before = len(sys.modules); import fitscape; loaded = len(sys.modules) - before\n"
        "heavy = sys.modules.keys() & {'torch', 'ray', 'optuna', 'mlflow', 'pydantic', 'numpy'}\n"
        "print(loaded, fitscape.__version__, fitscape.__file__, len(heavy))"
    )
    told = subprocess.run([installation.python, "-c", program], cwd="/", capture_output=True, text=True, check=True)
    loaded, version, file, heavy = told.stdout.split()
    assert int(loaded) < 60
    assert (version, heavy) == (fitscape.__version__, "0")
    assert str(installation.folder) in file


def test_a_user_s_import_of_models_gives_the_user_s(installation: Installation, project: Path) -> None:
    program = "import fitscape, fitscape.models, models; print(models.MINE, fitscape.models.architectures()[0])"
    told = subprocess.run(
        [installation.python, "-c", program],
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert told.stdout == "True resnet18\n", told.stderr


@pytest.mark.ci
def test_a_study_with_own_code_runs_from_another_folder(
    installation: Installation, project: Path, tmp_path: Path
) -> None:
    run(installation, project, environment(tmp_path), folder=tmp_path)


@pytest.fixture
def raylets(tmp_path: Path) -> Iterator[Raylets]:
    nodes = Raylets(tmp_path)
    try:
        nodes.start()
        nodes.add()
        yield nodes
    finally:
        nodes.stop()


@pytest.mark.slow
def test_a_study_with_own_code_runs_there_on_a_cluster(
    installation: Installation, project: Path, tmp_path: Path, raylets: Raylets
) -> None:
    """The nodes run another Python environment, in which no fitscape is installed but what travels."""
    token = {name: raylets.environment[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")}
    more = {**token, "FITSCAPE_STORAGE": str(tmp_path / "storage")}
    run(installation, project, environment(tmp_path, **more), "--address", f"127.0.0.1:{raylets.port}")
