"""A data set of the user's own code."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from own_code import DATA, write
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import apart, load
from fitscape.study.data.datasets import get
from fitscape.study.errors import UserError
from fitscape.study.plugins import code_of, install

HEAD = """import numpy as np
images = np.arange(120 * 36).reshape(120, 6, 6).astype(np.uint8)
labels = np.arange(120) % 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FITSCAPE_DATA", str(tmp_path / "cache"))
    yield tmp_path
    install(None)


def config(folder: Path, text: str) -> DataConfig:
    write(folder, my_data=text)
    found = DataConfig(dataset="my_data.py:load", probe_size=50)
    install(code_of({"plugins": [str(folder / "my_data.py")], "data": {"dataset": found.dataset}}))
    return found


def test_arrays_become_a_data_set(folder: Path) -> None:
    data = load(config(folder, DATA))
    assert data.trial_data.input_shape == (1, 12, 12)
    assert data.trial_data.classes == ("0", "1", "2")
    assert data.summary()["images"] == {"train": 77, "validation": 19, "test": 24}


def test_a_function_whose_data_changed_is_asked_again(folder: Path) -> None:
    text = DATA.replace(
        "return images", f"images[0, 0, 0] = int(open({str(folder / 'n')!r}).read())\n    return images"
    )
    asked = config(folder, text)
    prints = []
    for number in (1, 2, 1):
        (folder / "n").write_text(str(number))
        prints.append(load(asked).fingerprint)
    assert prints[0] == prints[2] != prints[1]


def test_words_a_split_a_test_part_and_other_layouts_are_taken(folder: Path) -> None:
    text = f"""{HEAD}
def load(image_size):
    colour = np.stack([images] * 3, axis=-1)
    words = ["cat dog eel".split()[i] for i in labels]
    test = {{"test_images": colour[:9] // 2, "test_labels": ["cat"] * 9}}
    return {{"images": colour, "labels": words, "classes": ["eel", "dog", "cat"], "groups": np.arange(120), **test}}
"""
    data = load(config(folder, text).model_copy(update={"image_size": 8}))
    assert data.trial_data.input_shape == (3, 8, 8)
    assert data.trial_data.classes == ("eel", "dog", "cat")
    assert data.summary()["images"]["test"] == 9


def test_paths_are_read_as_an_image_folder_s_are(folder: Path) -> None:
    for i in range(40):
        Image.fromarray(np.full((6, 6, 3), i * 5, dtype=np.uint8)).save(folder / f"{i:02}.png")
    text = "from pathlib import Path\ndef load():\n    print('x' * 99)\n"
    text += f"    paths = sorted(Path({str(folder)!r}).glob('*.png'))\n"
    text += "    return {'paths': paths, 'labels': [int(p.stem) % 2 for p in paths]}\n"
    assert load(config(folder, text)).trial_data.input_shape == (3, 6, 6)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("3", "my_data.py:load returns int (it returns (images, labels), or a mapping)"),
        ("images / 255, labels", "returns images of type float64 (give uint8, 0 is black and 255 is white)"),
        ("images[:9], labels", "returns 9 images and 120 labels"),
        ("images[:, 0, 0], labels", "returns images of shape (120,)"),
        ("images, labels * 0.5", "returns labels of type float64"),
        ("{'images': images}", "returns images (it needs labels, and images or paths)"),
        ("{'images': images, 'labels': labels, 'tests': 1}", "returns an unknown key tests"),
        ("{'images': images, 'labels': labels, 'classes': ['a', 'b']}", "returns labels from 0 to 2 for 2 classes"),
        ("{'paths': ['no.png'] * 120, 'labels': labels}", "120 of 120 files are not there"),
        ("[[1, 2], [3]], [0, 1]", "my_data.py:load does not return a data set: ValueError: setting an array element"),
        ("images, labels - 1 + 10**15", "returns the label 1000000000000001 (numbers of classes begin at 0"),
        ("images[:0], labels[:0]", "returns no image"),
        ("exit(3)", "my_data.py:load raised SystemExit: 3 (line 5)"),
        ("1 / 0", "my_data.py:load raised ZeroDivisionError: division by zero (line 5)"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_line(folder: Path, returned: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        get(config(folder, f"{HEAD}def load():\n    return {returned}\n")).read(None)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("does", "within", "refused", "told"),
    [
        ("os.abort()", 60.0, r"my_data.py:load: crashes \(SIGABRT\)", []),
        (
            "time.sleep(99)",
            0.6,
            "my_data.py:load: takes more than 0.01 min",
            ["my_data.py:load has not given its images"],
        ),
    ],
)
def test_a_function_that_crashes_or_hangs_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, does: str, within: float, refused: str, told: list[str]
) -> None:
    monkeypatch.setattr(apart, "ENDED_AFTER", within)
    monkeypatch.setattr(apart, "SAID_AFTER", within / 2)
    said: list[str] = []
    with pytest.raises(UserError, match=refused):
        load(config(folder, f"import os, time\ndef load():\n    {does}\n"), say=said.append)
    assert [text.partition(" after")[0] for text in said] == told
