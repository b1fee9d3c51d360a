"""What the sizes of a user's own images become, and that it is said."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, load


def folder(tmp_path: Path, *sizes: tuple[int, int]) -> Path:
    """Twelve images of two classes of each size, white in the middle third of their width and grey elsewhere."""
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        for width, height in sizes:
            for i in range(12):
                pixels = np.full((height, width), 100 + i, dtype=np.uint8)
                pixels[:, width // 3 : 2 * width // 3] = 255 - (name == "a")
                Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{width}x{height}-{i}.png")
    return tmp_path / "photos"


def loaded(where: Path, **given: object) -> SealedData:
    return load(DataConfig(dataset=f"folder:{where}", root=str(where.parent / "cache"), **given))  # type: ignore[arg-type]


def test_photos_of_one_size_say_what_they_become(tmp_path: Path) -> None:
    found = loaded(folder(tmp_path, (240, 120))).summary()
    assert found["sizes"] == "120 px become 64 px, cut to squares; data.image_size sets another size"


def test_photos_of_several_sizes_say_their_median_and_range(tmp_path: Path) -> None:
    found = loaded(folder(tmp_path, (90, 90), (60, 60), (300, 300)), image_size=16).summary()
    assert found["sizes"] == "90 px (60 to 300) become 16 px; data.image_size sets another size"


def test_images_that_keep_their_size_say_nothing(tmp_path: Path) -> None:
    assert loaded(folder(tmp_path, (24, 24))).summary()["sizes"] == ""


@pytest.mark.parametrize(("fit", "black"), [("crop", 0), ("pad", 32 * 16)])
def test_pad_keeps_the_whole_image_on_black_where_crop_cuts_it(tmp_path: Path, fit: str, black: int) -> None:
    images = loaded(folder(tmp_path, (240, 120)), image_size=32, fit=fit).trial_data.train_images
    assert ((images == 0).sum((1, 2, 3)) == black).all()
    sides = (images[:, 0, 16, 0] < 130).all() and (images[:, 0, 16, -1] < 130).all()
    assert sides  # grey borders: both ends of the longer side, or of what was cut from it
