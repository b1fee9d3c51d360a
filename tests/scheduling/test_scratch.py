"""Folders in the system's temporary folder: none is left, and none is taken from a driver that lives."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitscape.study.scheduling.scratch import scratch

HOLDING = """
import time
from fitscape.study.scheduling.scratch import scratch

with scratch() as folder:
    (folder / "study").mkdir()
    (folder / "study" / "state.json").write_text("{}")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another driver, and its folder."""
    repository = str(Path(__file__).parents[2])
    environment = {"TMPDIR": str(temporary), "PYTHONPATH": repository}
    driver = subprocess.Popen([sys.executable, "-c", HOLDING], env=environment, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    yield driver, Path(driver.stdout.readline().strip())
    driver.kill()
    driver.wait()


def test_a_folder_lives_as_long_as_its_driver_wants_it(temporary: Path) -> None:
    with scratch() as folder:
        assert list(temporary.iterdir()) == [folder]
    assert not list(temporary.iterdir())


def test_what_a_killed_driver_left_goes_at_the_next_start(other: tuple[subprocess.Popen[str], Path]) -> None:
    driver, left = other
    driver.kill()
    driver.wait()
    assert (left / "study" / "state.json").exists()
    with scratch() as folder:
        assert not left.exists()
        assert folder.exists()


def test_a_living_drivers_folder_stays(other: tuple[subprocess.Popen[str], Path]) -> None:
    with scratch():
        assert (other[1] / "study" / "state.json").exists()


@pytest.mark.parametrize("lock", [None, ""], ids=["no driver is written down", "its driver is about to be"])
def test_a_folder_of_which_nothing_is_known_stays(temporary: Path, lock: str | None) -> None:
    unknown = temporary / "fitscape-tune-unknown"
    unknown.mkdir()
    if lock is not None:
        (unknown / "lock").write_text(lock)
    with scratch():
        assert unknown.exists()


def test_a_link_is_not_followed(temporary: Path, other: tuple[subprocess.Popen[str], Path]) -> None:
    driver, left = other
    driver.kill()
    driver.wait()
    elsewhere = left.rename(temporary / "elsewhere")
    (temporary / "fitscape-tune-link").symlink_to(elsewhere)
    with scratch():
        assert (elsewhere / "study" / "state.json").exists()
