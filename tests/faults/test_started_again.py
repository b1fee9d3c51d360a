"""``make demo`` and the Kubernetes job go on from whatever their first start left."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]


def nothing(folder: Path) -> None:
    pass


def empty_folder(folder: Path) -> None:
    folder.mkdir(parents=True)


def empty_ledger(folder: Path) -> None:
    """Its maker died before the first row."""
    empty_folder(folder)
    (folder / "ledger.db").touch()


def whole(folder: Path) -> None:
    empty_folder(folder)
    (folder / "ledger.db").write_text("rows")


def backup_only(folder: Path) -> None:
    empty_folder(folder)
    (folder / "ledger.backup.db").write_text("rows")


LEFT = [(nothing, "run"), (empty_folder, "run"), (empty_ledger, "run"), (whole, "resume"), (backup_only, "resume")]


def stub(folder: Path, code: int = 0) -> Path:
    """A ``fitscape`` that says what it was asked."""
    folder.mkdir(parents=True)
    command = folder / "fitscape"
    command.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize(("left", "command"), LEFT)
def test_make_demo_can_be_started_again(tmp_path: Path, left: object, command: str) -> None:
    left(tmp_path / "runs" / "quickstart")  # type: ignore[operator]
    stub(tmp_path / "venv" / "bin")
    (tmp_path / "venv" / ".installed").touch()
    ran = subprocess.run(
        ["make", "--no-print-directory", "-o", f"{tmp_path}/venv/.installed", "demo", f"VENV={tmp_path}/venv"],
        cwd=REPOSITORY,
        env={**os.environ, "FITSCAPE_ROOT": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.splitlines()[-1] == f"{command} quickstart", ran


def entrypoint(tmp_path: Path, code: int) -> subprocess.CompletedProcess[str]:
    documents = yaml.safe_load_all((REPOSITORY / "cluster" / "kuberay-rayjob.yaml").read_text())
    (job,) = [document for document in documents if document["kind"] == "RayJob"]
    words = job["spec"]["entrypoint"].replace("/runs/", f"{tmp_path}/runs/")
    path = f"{stub(tmp_path / 'bin', code)}:{os.environ['PATH']}"
    return subprocess.run(words, shell=True, env={"PATH": path}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("left", "command"), LEFT)
def test_a_job_that_is_made_again_goes_on(tmp_path: Path, left: object, command: str) -> None:
    left(tmp_path / "runs" / "regimes")  # type: ignore[operator]
    ran = entrypoint(tmp_path, 0)
    asked = "run regimes --scale hours" if command == "run" else f"{command} regimes"
    assert (ran.returncode, ran.stdout) == (0, f"{asked}\n")


@pytest.mark.parametrize(("code", "tried_again"), [(0, False), (3, False), (130, True), (1, True)])
def test_only_what_another_try_can_help_is_tried_again(tmp_path: Path, code: int, tried_again: bool) -> None:
    assert bool(entrypoint(tmp_path, code).returncode) == tried_again
