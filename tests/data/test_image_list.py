"""A user's list of images: what is read, and what is refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_folders import loaded
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files
from fitscape.study.errors import UserError

Rows = list[dict[str, object]]


@pytest.fixture
def rows(tmp_path: Path, data_folder: Path) -> Rows:
    """60 images of two classes: ten parts of six frames; frames of a part look alike."""
    rng = np.random.default_rng(0)
    found: Rows = []
    for part in range(10):
        pixels = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
        for frame in range(6):
            name = f"images/part{part:02}_{frame}.png"
            (tmp_path / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels ^ np.uint8(frame)).save(tmp_path / name)
            found.append({"path": name, "label": ["dent", "fine"][part % 2], "part_no": f"p{part}"})
    return found


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(rows: Rows, suffix: str = ".csv") -> str:
        file, table = tmp_path / f"list{suffix}", pd.DataFrame(rows)
        if suffix == ".parquet":
            table.to_parquet(file)
        elif suffix == ".jsonl":
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            table.to_csv(file, index=False, sep="\t" if suffix == ".tsv" else ",")
        return f"csv:{file}"

    return write


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_every_format_gives_the_same_images(rows: Rows, write: Callable[..., str], suffix: str) -> None:
    sealed = loaded(write(rows, suffix))
    assert sealed.trial_data.classes == ("dent", "fine")
    assert sealed.trial_data.input_shape == (3, 10, 10)
    assert sum(sealed.summary()["images"].values()) == 60
    assert sealed.fingerprint == loaded(write(rows, ".csv")).fingerprint


def test_a_group_lies_in_one_part(rows: Rows, write: Callable[..., str]) -> None:
    """Frames of a part differ in the lowest bits, so that the high bits name their part."""
    for groups in ("part_no", r"(?P<group>part\d+)"):
        sealed = loaded(write(rows), groups=groups, validation_fraction=0.4)
        test = sealed.open_test("t").images
        parts = [
            set(map(bytes, (images >> 3).numpy()))
            for images in (sealed.trial_data.train_images, sealed.trial_data.val_images, test)
        ]
        assert sum(map(len, parts)) == len(set().union(*parts)) == 10
    torn = loaded(write(rows))
    parts = [
        set(map(bytes, (images >> 3).numpy())) for images in (torn.trial_data.train_images, torn.trial_data.val_images)
    ]
    assert parts[0] & parts[1], "without groups the frames of a part are torn, or this test shows nothing"


def test_a_column_called_group_needs_no_naming(rows: Rows, write: Callable[..., str]) -> None:
    named = [{**row, "group": row["part_no"]} for row in rows]
    enough = {"validation_fraction": 0.4}
    assert loaded(write(named), **enough).fingerprint == loaded(write(rows), groups="part_no", **enough).fingerprint
    assert check_files(DataConfig(dataset=write(named))).text.endswith(", 10 groups")


def test_the_split_column_is_obeyed(rows: Rows, write: Callable[..., str]) -> None:
    words = ["Train"] * 6 + ["valid"] * 2 + ["test"] * 2
    given = [{**row, "split": words[int(str(row["part_no"])[1:])]} for row in rows]
    dataset = write(given)
    assert loaded(dataset).summary()["images"] == {"train": 36, "validation": 12, "test": 12}
    assert "split as given (36 train, 12 validation, 12 test)" in check_files(DataConfig(dataset=dataset)).text


def test_labels_are_names_and_sorted_as_numbers_where_they_are(rows: Rows, write: Callable[..., str]) -> None:
    numbered = [{**row, "label": str(10 if row["label"] == "dent" else 9)} for row in rows]
    assert loaded(write(numbered)).trial_data.classes == ("9", "10")
    named = [{**row, "label": "NA" if row["label"] == "dent" else "01"} for row in rows]
    assert loaded(write(named)).trial_data.classes == ("01", "NA")


def change(rows: Rows, at: int, **values: object) -> Rows:
    return [{**row, **values} if i == at else row for i, row in enumerate(rows)]


SPLIT = {"split": "train"}


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda r: [{k: v for k, v in row.items() if k != "label"} for row in r], {}, "no column 'label'"),
        (lambda r: [{"name": row["path"], "label": row["label"]} for row in r], {}, "no column 'path'"),
        (lambda r: change(r, 3, label=""), {}, "1 rows have no label"),
        (lambda r: [{**row, "label": "dent"} for row in r], {}, "one class only, dent"),
        (lambda r: r[:8], {}, "has 8 images, too few"),
        (lambda r: change(r, 3, path="gone.png"), {}, "1 of 60 files are not there, the first: gone.png"),
        (lambda r: change(r, 3, path="../x.png"), {}, "1 rows name files outside"),
        (lambda r: change(r, 3, path="/etc/passwd"), {}, "1 rows name files outside"),
        (lambda r: change(r, 3, path="https://h/x.png"), {}, "1 rows name a URL"),
        (lambda r: [{**row, "split": "fold1"} for row in r], {}, "column 'split' says fold1"),
        (
            lambda r: [{**row, "split": "test" if row["label"] == "dent" else "train"} for row in r],
            {},
            "no image of class",
        ),
        (lambda r: r, {"groups": "part"}, "no column 'part'"),
        (lambda r: r, {"groups": r"(?P<group>frame\d+)"}, "matches no file"),
        (lambda r: r, {"groups": r"(?P<group>frame\d+"}, "is not a regular expression"),
        (lambda r: r, {"groups": r"(?P<part>part\d+)"}, "has no (?P<group>...)"),
        (
            lambda r: [{**row, "split": "test" if i % 6 == 0 else "train"} for i, row in enumerate(r)],
            {"groups": "part_no"},
            "10 groups have images in two parts, for example images/part00_1.png in train and images/part00_0",
        ),
    ],
)
def test_a_list_that_cannot_serve_is_refused_before_it_is_read(
    rows: Rows, write: Callable[..., str], make: Callable[[Rows], Rows], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_files(DataConfig.model_validate({"dataset": write(make(rows)), **options}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_group_in_two_parts_can_be_allowed(rows: Rows, write: Callable[..., str]) -> None:
    torn = [{**row, "split": "test" if i % 6 == 0 else "train"} for i, row in enumerate(rows)]
    sealed = loaded(write(torn), groups="part_no", allow_group_leak=True)
    assert sealed.summary()["images"]["test"] == 10


def test_several_labels_an_image_are_refused(rows: Rows, write: Callable[..., str]) -> None:
    several = [{**row, "label": ["a", "b"]} for row in rows]
    with pytest.raises(UserError, match="one class per image"):
        check_files(DataConfig(dataset=write(several, ".jsonl")))


@pytest.mark.parametrize("dataset", ["csv:https://host/list.csv", "csv:nowhere.csv"])
def test_a_list_that_is_no_file_is_refused(dataset: str) -> None:
    with pytest.raises(UserError, match=r"is a URL|is not a file"):
        check_files(DataConfig(dataset=dataset))


def test_published_data_has_no_groups() -> None:
    with pytest.raises(UserError, match="digits has no groups"):
        check_files(DataConfig(dataset="digits", groups="folder"))
