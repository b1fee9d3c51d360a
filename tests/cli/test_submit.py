"""``fitscape submit``: what it refuses here, and what it hands to the Jobs API."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command import Command
from PIL import Image

from fitscape.study.reading import load_config
from fitscape.study.scheduling import jobs

ADDRESS = ("--address", "http://127.0.0.1:8265")


class Taken:
    """Stands for the Jobs API; keeps what was sent."""

    words = ""
    files: dict[str, str]
    packages: list[str]

    def __init__(self, address: str) -> None:
        self.address = address

    def submit(self, folder: Path, entrypoint: str, packages: Sequence[Path] = ()) -> str:
        Taken.words = entrypoint
        Taken.packages = [package.name for package in packages]
        Taken.files = {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}
        assert (folder / "fitscape" / "__main__.py").is_file()
        return "raysubmit_1"

    def follow(self, job: str, say: Any) -> int | None:
        say("[1/1] done\n")
        return 3


@pytest.fixture(autouse=True)
def jobs_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "Jobs", Taken)


def test_the_study_is_sent_whole_and_the_job_s_exit_code_is_ours(fitscape: Command, tmp_path: Path) -> None:
    ran = fitscape("submit", "quickstart", "--trials", "20", "--name", "far", "--root", "/runs", *ADDRESS)
    assert ran.code == 3
    assert "raysubmit_1" in ran.out
    assert "[1/1] done" in ran.out
    assert Taken.words == "python -m fitscape run study.yaml --root /runs"
    (tmp_path / "sent.yaml").write_text(Taken.files["study.yaml"])
    sent = load_config(tmp_path / "sent.yaml")
    assert (sent.name, sent.search.trials) == ("far", 20)


def test_resume_sends_a_name_and_no_study(fitscape: Command) -> None:
    ran = fitscape("submit", "far", "--resume", "--trials", "30", "--no-wait", *ADDRESS)
    assert ran.code == 0
    assert Taken.words == "python -m fitscape resume far --trials 30"
    assert Taken.files == {}
    assert "ray job logs raysubmit_1 --follow" in ran.out


def test_an_image_folder_is_looked_for_on_the_cluster_only(fitscape: Command) -> None:
    assert fitscape("submit", "quickstart", "--set", "data.dataset=folder:/on/the/cluster", *ADDRESS).code == 3
    assert "no_such_set" in fitscape("submit", "quickstart", "--set", "data.dataset=no_such_set", *ADDRESS).refusal


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("quickstart",), "--address: is required"),
        (("nope", *ADDRESS), "no recipe is called 'nope'"),
        (("quickstart", "--tracking-uri", "http://me:secret@mlflow:5000", *ADDRESS), "holds a password"),
    ],
)
def test_what_is_wrong_is_found_here(fitscape: Command, words: tuple[str, ...], message: str) -> None:
    refusal = fitscape("submit", *words).refusal
    assert message in refusal
    assert "secret" not in refusal


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("cats", "dogs"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (8, 8), i).save(tmp_path / "images" / name / f"{i}.png")
    return tmp_path / "images"


def test_an_image_folder_of_this_machine_goes_into_the_storage_once(
    fitscape: Command, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITSCAPE_STORAGE", str(tmp_path / "storage"))
    words = ("submit", "quickstart", "--set", f"data.dataset=folder:{images}", *ADDRESS)
    first = fitscape(*words)
    assert f"of {images} are in {tmp_path / 'storage'}" in first.out
    (sent,) = (tmp_path / "storage" / "uploads").iterdir()
    assert f"dataset: upload:{sent.name}" in Taken.files["study.yaml"]
    assert Taken.packages == []
    assert "already" in fitscape(*words).out


def test_without_a_storage_it_goes_with_the_job(fitscape: Command, images: Path) -> None:
    fitscape("submit", "quickstart", "--set", f"data.dataset=folder:{images}", *ADDRESS)
    assert len(Taken.packages) == 1
    assert Taken.packages[0].startswith("fitscape_upload_")
    assert "dataset: upload:" in Taken.files["study.yaml"]


def test_a_path_that_the_cluster_sees_is_left_as_it_is(fitscape: Command, images: Path) -> None:
    fitscape("submit", "quickstart", "--no-upload", "--set", f"data.dataset=folder:{images}", *ADDRESS)
    assert Taken.packages == []
    assert f"dataset: folder:{images}" in Taken.files["study.yaml"]


def test_more_than_a_head_can_hold_is_refused_with_the_ways_out(
    fitscape: Command, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.cli.submit.MOST_IN_PACKAGES", 1)
    refusal = fitscape("submit", "quickstart", "--set", f"data.dataset=folder:{images}", *ADDRESS).refusal
    assert "can go through the Jobs API" in refusal
    assert "FITSCAPE_STORAGE" in refusal
    assert "--no-upload" in refusal
