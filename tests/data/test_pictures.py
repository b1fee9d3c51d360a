"""Small pictures of a data set, and the report's section that shows them."""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fitscape.study.config import StudyConfig
from fitscape.study.data import SealedData
from fitscape.study.data.pictures import SIDE, portraits, thumbnails
from fitscape.study.driver.preparing import write_down
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.report.page import environment
from fitscape.study.report.sections.pictures import SECTION, pictures
from fitscape.study.report.subject import Subject


def pixels(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


def test_a_class_is_shown_by_its_mean_and_its_first_images(digits: SealedData) -> None:
    data = digits.trial_data
    found = portraits(data)
    assert [row["name"] for row in found] == list(data.classes)
    threes = data.train_images[data.train_labels == 3].numpy()
    assert (pixels(found[3]["examples"][1]) == threes[1, 0]).all()
    assert np.abs(pixels(found[3]["mean"]) - threes[:200, 0].mean(axis=0)).max() <= 0.5


def test_pictures_are_small_and_in_colour() -> None:
    images = torch.zeros(3, 3, 300, 200, dtype=torch.uint8)
    images[2, 0] = 255
    ((position, png),) = thumbnails(images, [2]).items()
    assert position == "2"
    shown = pixels(png)
    assert max(shown.shape) == SIDE
    assert shown[0, 0].tolist() == [255, 0, 0]


def test_the_report_shows_what_the_run_wrote_down_and_no_section_where_it_wrote_nothing(
    digits: SealedData, tmp_path: Path
) -> None:
    summary = {**digits.summary(), "unreadable": ["a<b.png: torn"]}
    provenance = {"data_fingerprint": digits.fingerprint, "chance_error": 0.9, "data": summary}
    with Ledger.create(tmp_path / "ledger.db", StudyConfig(name="s"), provenance) as ledger:
        assert not SECTION.shown(pictures(Subject(open_study(tmp_path))))
        write_down(digits, ledger)
        found = pictures(Subject(open_study(tmp_path)))
    assert SECTION.shown(found)
    text = environment().get_template("pictures.html.j2").render(pictures=found)
    assert text.count('src="data:image/png;base64,') == 10 * 5
    assert "a&lt;b.png: torn" in text
    assert len(text) < 100_000
