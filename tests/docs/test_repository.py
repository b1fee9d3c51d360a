"""What people expect of a repository: workflows that run what we run, and one version and one promise everywhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY

from fitscape import __version__

sys.path.insert(0, str(REPOSITORY))

from tools import lowest_versions, raise_ray

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
PROMISE = re.compile(r"(?:under|in|within) (\d+) minutes on two (?:quiet )?cores")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_runs_scripts_of_the_repository(file: Path) -> None:
    jobs = yaml.safe_load(file.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    scripts = [command.split()[0] for command in commands if command.startswith(".ci/")]
    assert scripts
    for script in scripts:
        assert (REPOSITORY / script).stat().st_mode & 0o111, f"{script} is not executable"


@pytest.mark.parametrize("script", sorted((REPOSITORY / ".ci").iterdir()), ids=lambda file: file.name)
def test_a_script_is_sound_bash_and_has_a_workflow(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    text = "".join(file.read_text() for file in (*WORKFLOWS, REPOSITORY / ".ci" / "run"))
    assert script.name == "run" or f"/{script.name}" in text


def test_the_promise_of_the_default_tests_is_one_number() -> None:
    pages = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "Makefile")]
    promises = [(page.name, minutes) for page in pages for minutes in PROMISE.findall(page.read_text())]
    assert len({minutes for _, minutes in promises}) == 1, promises


def test_the_version_is_one() -> None:
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert cited["version"] == __version__
    assert f"## {__version__}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_every_dependency_has_a_lowest_version() -> None:
    pins = lowest_versions.constraints((REPOSITORY / "pyproject.toml").read_text())
    assert "ray==2.56.0" in pins
    assert "torch==2.11.0" in pins
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==\d+\.\d+(\.\d+)*", pin) for pin in pins)


@pytest.mark.parametrize(
    ("tested", "bound"), [("2.60.1", "2.61"), ("2.64.0", "2.65"), ("2.58.0", "2.61"), ("3.0.0", "3.1")]
)
def test_the_bound_on_ray_rises_with_what_was_tested(tested: str, bound: str) -> None:
    text = 'dependencies = [\n    "ray[default,tune]>=2.56,<2.61",\n]\n'
    assert f',<{bound}"' in raise_ray.raised(text, tested)


def test_ray_has_a_bound() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    assert raise_ray.raised(text, "2.56.0") == text


def test_the_tests_that_the_log_names_exist() -> None:
    cells = re.findall(r"`((?:\w+/)?test_\w+\.py)`", (REPOSITORY / "docs" / "LOG.md").read_text())
    assert len(cells) > 40
    assert [name for name in cells if not (REPOSITORY / "tests" / name).is_file()] == []
