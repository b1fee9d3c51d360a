"""What validation cannot decide, said before anything is decoded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fitscape.study.config import DataConfig, Metric, StudyConfig, TrialConfig
from fitscape.study.data import check_files, load
from fitscape.study.data.datasets.source import Counts
from fitscape.study.data.decidable import imbalance, undecidable
from fitscape.study.driver.preflight import first_look
from fitscape.study.errors import UserError

FEW = {"scratch": 60, "dent": 25, "fine": 300}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of 8x8, 25 to 300 of a class."""
    rng = np.random.default_rng(0)
    for name, count in FEW.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(256, size=(8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def test_many_images_of_every_class_decide() -> None:
    assert undecidable(["a", "b"], [5000, 5000], metric="balanced_error", tau=0.05) == []


def test_a_rare_class_is_named_with_what_is_known_of_it() -> None:
    said = undecidable(["dent", "fine"], [5, 5000], metric="balanced_error", tau=0.05)
    assert said[-1] == "5 images of class dent: its error is known to +-0.37"


@pytest.mark.parametrize("metric", ["error", "balanced_error"])
def test_of_a_validation_part_without_an_image_nothing_is_said_but_by_what_refuses_it(metric: Metric) -> None:
    assert undecidable(["a", "b"], [0, 0], metric=metric, tau=0.05) == []


def test_one_image_of_each_class_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    for k in range(25):
        (tmp_path / f"c{k}").mkdir()
        Image.new("RGB", (8, 8), (k, 2 * k, 3)).save(tmp_path / f"c{k}" / "1.png")
    with pytest.raises(UserError, match=r"give several images of each class: each of the 25 has one"):
        load(DataConfig(dataset=f"folder:{tmp_path}"))


@pytest.mark.parametrize(("rare", "said"), [(11, False), (10, True), (0, False)])
def test_a_class_ten_times_as_frequent_as_another_is_named(rare: int, said: bool) -> None:
    labels = np.repeat([0, 1, 2], [100, 50, rare])
    found = imbalance(Counts(("fine", "dent", "crack"), labels))
    assert found.startswith("class fine has 100 images and class crack has 10:") is said
    assert bool(found) is said


def test_doctor_says_it_once_and_not_where_each_class_counts_alike(folder: Path, tmp_path: Path) -> None:
    for metric, times in (("error", 1), ("balanced_error", 0)):
        data = DataConfig(dataset=f"folder:{folder}", root=str(tmp_path / "cache"), metric=metric)
        found = first_look(StudyConfig(name="few", data=data), tmp_path / "runs", address=None)
        assert sum("a net that never names the rare one" in finding.what for finding in found) == times


def test_groups_know_less() -> None:
    assert undecidable(["a", "b"], [2000, 2000], metric="error", tau=0.05) == []
    (said,) = undecidable(["a", "b"], [2000, 2000], metric="error", tau=0.05, groups=40)
    assert "4000 validation images from 40 groups" in said


def test_doctor_says_it_of_a_folder_without_decoding_it(folder: Path, tmp_path: Path) -> None:
    data = DataConfig(dataset=f"folder:{folder}", root=str(tmp_path / "cache"), metric="balanced_error")
    found = first_look(StudyConfig(name="few", data=data), tmp_path / "runs", address=None)
    (dent,) = [finding for finding in found if "class dent" in finding.what]
    assert "4 images of class dent" in dent.what
    assert not dent.ok
    assert not dent.fatal
    assert not (tmp_path / "cache").exists()


def test_a_metric_that_needs_a_class_that_validation_lacks_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in sorted((folder / "dent").iterdir())[1:]:
        file.unlink()
    given = {"dataset": f"folder:{folder}", "root": str(tmp_path / "cache")}
    load(DataConfig(**given))
    message = "balanced_error needs every class in validation, which has no image of dent"
    with pytest.raises(UserError, match=message):
        load(DataConfig(**given, metric="balanced_error"))
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(UserError, match=message):  # seen from the labels alone
        check_files(DataConfig(dataset=f"folder:{folder}", root=str(elsewhere), metric="balanced_error"))
    assert not elsewhere.exists()
    check_files(DataConfig(**given, metric="balanced_error", classes=("scratch", "fine")))


def test_of_many_classes_that_validation_lacks_five_are_named(folder: Path, tmp_path: Path) -> None:
    image = next((folder / "fine").iterdir())
    for name in "abcdef":
        (folder / name).mkdir()
        with Image.open(image) as picture:
            picture.rotate(90 * "abcdef".index(name)).resize((9 + "abcdef".index(name), 8)).save(
                folder / name / "1.png"
            )
    data = DataConfig(dataset=f"folder:{folder}", root=str(tmp_path / "cache"), metric="balanced_error", image_size=8)
    with pytest.raises(UserError, match="no image of a, b, c, d, e and 1 more"):
        load(data)


@pytest.mark.parametrize(
    "noisy",
    [
        {"base": TrialConfig().with_hyperparameters({"label_noise": 0.1})},
        {"enqueue": ({"label_noise": 0.2},)},
        {"space": {"label_noise": {"low": 0.0, "high": 0.5}}},
    ],
)
def test_label_noise_is_refused_with_the_balanced_error(noisy: dict[str, object]) -> None:
    StudyConfig(name="noisy", **noisy)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="balanced_error does not go with label noise"):
        StudyConfig(name="noisy", data=DataConfig(metric="balanced_error"), **noisy)  # type: ignore[arg-type]
