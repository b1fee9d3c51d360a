"""Frames of one scene are found across parts, and unrelated photos are not."""

import base64
import io
from pathlib import Path

import inspection
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from fitscape.study.config import DataConfig, StudyConfig
from fitscape.study.data import load
from fitscape.study.data.near_copies import ALIKE, LEAST_SIDE, NearCopies, hashes, near_copies
from fitscape.study.driver.preparing import write_down
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.report.page import environment
from fitscape.study.report.sections.images import images
from fitscape.study.report.subject import Subject


def photos(count: int, seed: int, size: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([np.asarray(inspection.surface(rng, size)).transpose(2, 0, 1) for _ in range(count)])


def compared(train: np.ndarray, held_out: np.ndarray) -> NearCopies:
    images = np.concatenate([train, held_out])
    return near_copies(images, np.arange(len(train)), np.arange(len(train), len(images)))


def changed(image: np.ndarray, how: str) -> np.ndarray:
    shown = Image.fromarray(image.transpose(1, 2, 0))
    side = shown.width
    if how == "size":
        shown = shown.resize((side // 2, side // 2)).resize((side, side))
    elif how == "format":
        file = io.BytesIO()
        shown.save(file, "JPEG", quality=40)
        shown = Image.open(file)
    elif how == "crop":
        shown = shown.crop((2, 1, side - 1, side - 2)).resize((side, side))
    elif how == "brightness":
        shown = ImageEnhance.Brightness(shown).enhance(0.75)
    return np.asarray(shown.convert("RGB")).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("how", "found_at_least"), [("same", 1), ("size", 0.95), ("format", 0.95), ("crop", 0.75), ("brightness", 0.95)]
)
def test_a_changed_copy_is_found_and_named(how: str, found_at_least: float) -> None:
    train = photos(200, seed=0)
    held_out = np.stack([changed(image, how) for image in train[:40]])
    found = compared(train, held_out)
    assert found.share >= found_at_least
    assert [known for asked, known in found.pairs] == [asked for asked, _ in found.pairs]


@pytest.mark.parametrize("size", [LEAST_SIDE, 30, 64, 200])
def test_unrelated_photos_are_not_copies(size: int) -> None:
    assert compared(photos(200, 0, size), photos(60, 1, size)).share <= 0.02


def test_small_images_are_not_compared() -> None:
    assert compared(photos(5, 0, LEAST_SIDE - 1), photos(5, 0, LEAST_SIDE - 1)).compared == 0


def test_many_held_out_images_are_compared_by_a_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.data.near_copies.COMPARED", 10)
    train = photos(50, 0)
    assert [asked for asked, _ in compared(train, train).pairs][::9] == [0, 49]


def test_the_hash_does_not_depend_on_the_others_beside_it() -> None:
    train = photos(300, 0)
    assert (hashes(train)[290:] == hashes(train[290:])).all()


@pytest.fixture
def parts(tmp_path: Path, data_folder: Path) -> list[dict[str, str]]:
    return inspection.write(tmp_path / "parts")


def warnings_of(dataset: str, **options: object) -> list[str]:
    found: list[str] = load(DataConfig.model_validate({"dataset": dataset, **options})).summary()["warnings"]
    return found


def test_frames_of_a_part_in_two_parts_of_the_split_are_warned_of(tmp_path: Path, parts: list[dict[str, str]]) -> None:
    (warning,) = warnings_of(f"folder:{tmp_path / 'parts'}")
    assert int(warning.partition("%")[0]) > 60
    held_out, _, known = warning.partition("For example ")[2].partition(";")[0].partition(" and ")
    assert held_out.rpartition("_")[0] == known.rpartition("_")[0], "two frames of one part are shown"


def test_pairs_are_shown_side_by_side_and_none_of_the_sealed_test_part(
    tmp_path: Path, parts: list[dict[str, str]]
) -> None:
    sealed = load(DataConfig(dataset=f"folder:{tmp_path / 'parts'}", image_size=32))
    facts = {"data_fingerprint": sealed.fingerprint, "chance_error": 0.9, "data": sealed.summary()}
    with Ledger.create(tmp_path / "ledger.db", StudyConfig(name="s"), facts) as ledger:
        write_down(sealed, ledger)
        found = images(Subject(open_study(tmp_path)))
    assert 0 < len(found["look_alikes"]) <= 6
    kept = sealed.images()
    for pair in found["look_alikes"]:
        held_out, known = pair["names"]
        assert held_out in kept["validation"].names
        shown = Image.open(io.BytesIO(base64.b64decode(pair["train"])))
        row = kept["train"].names.index(known)
        assert (np.asarray(shown) == sealed.trial_data.train_images[row].permute(1, 2, 0).numpy()).all()
    text = environment().get_template("images.html.j2").render(images=found)
    assert text.count('src="data:image/png;base64,') == 2 * len(found["look_alikes"])
    assert f"differ in {ALIKE} of 63 bits" in text


def test_groups_cure_it(tmp_path: Path, parts: list[dict[str, str]]) -> None:
    table = tmp_path / "parts" / "list.csv"
    pd.DataFrame(parts).drop(columns="split").to_csv(table, index=False)
    assert warnings_of(f"csv:{table}") == []
    assert warnings_of(f"folder:{tmp_path / 'parts'}", groups=r"(?P<group>[a-z]+\d+)_") == []


def test_frames_in_a_split_by_whole_parts_measure_less_and_groups_cure_that_too(
    tmp_path: Path, data_folder: Path
) -> None:
    inspection.write(tmp_path / "ready", split=True)
    (warning,) = warnings_of(f"folder:{tmp_path / 'ready'}")
    assert int(warning.partition("%")[0]) > 40
    assert "of one half of the validation images look like an image of the other half" in warning
    one, _, other = warning.partition("For example ")[2].partition(";")[0].partition(" and ")
    assert one.rpartition("_")[0] == other.rpartition("_")[0], "two frames of one part are shown"
    assert one.startswith("val/")
    assert warnings_of(f"folder:{tmp_path / 'ready'}", groups=r"(?P<group>[a-z]+\d+)_") == []
