"""Data sets of Hugging Face, as downloaded (Parquet) and as ``save_to_disk`` leaves them (Arrow)."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, check_files, load
from fitscape.study.errors import UserError

CLASSES = ["fine", "dent"]  # not in the order of the alphabet


def png(number: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def table(numbers: range, labels: list[int] | None = None, **columns: list[Any]) -> pa.Table:
    features = {"image": {"_type": "Image"}, "label": {"names": CLASSES, "_type": "ClassLabel"}}
    made = pa.table(
        {
            "image": [{"bytes": png(n), "path": f"{n}.png"} for n in numbers],
            "label": pa.array(labels or [n % 2 for n in numbers], pa.int64()),
            **columns,
        }
    )
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def parquet(folder: Path, **parts: pa.Table) -> str:
    (folder / "data").mkdir(parents=True)
    for part, rows in parts.items():
        pq.write_table(rows, folder / "data" / f"{part}-00000-of-00001.parquet")
    return f"hf:{folder}"


def saved(folder: Path, **parts: pa.Table) -> str:
    for part, rows in parts.items():
        (folder / part).mkdir(parents=True)
        file = folder / part / "data-00000-of-00001.arrow"
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as out:
            out.write_table(rows)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}))
    return f"hf:{folder}"


def loaded(dataset: str, **data: Any) -> SealedData:
    return load(DataConfig(dataset=dataset, **data))


def test_parquet_and_arrow_give_the_same_images_in_the_given_parts(tmp_path: Path) -> None:
    parts = {"train": table(range(30)), "validation": table(range(30, 40)), "test": table(range(40, 50))}
    downloaded = loaded(parquet(tmp_path / "a", **parts))
    facts = downloaded.summary()
    assert facts["images"] == {"train": 30, "validation": 10, "test": 10}
    assert list(facts["classes"]) == CLASSES
    assert downloaded.trial_data.input_shape == (3, 10, 10)
    first = Image.open(io.BytesIO(png(0)))
    assert (downloaded.trial_data.train_images[0].permute(1, 2, 0).numpy() == np.asarray(first)).all()
    assert loaded(saved(tmp_path / "b", **parts)).fingerprint == downloaded.fingerprint


def test_counts_are_known_before_an_image_is_unpacked(tmp_path: Path, data_folder: Path) -> None:
    found = check_files(DataConfig(dataset=parquet(tmp_path / "a", train=table(range(40)))))
    assert "40 images in 2 classes" in found.text
    assert not data_folder.exists()


def test_rows_without_a_label_are_left_out_and_said(tmp_path: Path) -> None:
    hidden = table(range(60, 70), labels=[-1] * 10)
    facts = loaded(parquet(tmp_path / "a", train=table(range(40)), test=hidden)).summary()
    assert sum(facts["images"].values()) == 40
    assert any("10 of 10 rows have no label, left out" in note for note in facts["notes"])


def test_a_column_says_what_belongs_together(tmp_path: Path) -> None:
    rows = table(range(60), patient=[f"p{n // 6}" for n in range(60)])
    data = loaded(parquet(tmp_path / "a", train=rows), groups="patient", validation_fraction=0.4)
    known = data.images()
    assert not set(known["train"].groups.tolist()) & set(known["validation"].groups.tolist())


def test_an_image_that_breaks_is_left_out_like_any_file(tmp_path: Path) -> None:
    rows = table(range(40)).to_pydict()
    rows["image"][3] = {"bytes": b"no picture", "path": None}
    broken = pa.table(rows, schema=table(range(40)).schema)
    facts = loaded(parquet(tmp_path / "a", train=broken)).summary()
    assert [line.split(":")[0] for line in facts["unreadable"]] == ["0000/0000003"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"image": ["a.png"] * 30, "label": [0, 1] * 15},
            "row 0 holds no image (use csv:FILE for a table that names",
        ),
        ({"image": [{"bytes": b"x"}] * 30, "label": [[0], [1]] * 15}, "a row has several labels"),
        ({"image": [{"bytes": b"x"}] * 30, "other": [0, 1] * 15}, "has no column of labels (its columns are image"),
        ({"text": ["a"] * 30, "label": [0, 1] * 15}, "has no column of images"),
    ],
)
def test_a_table_that_cannot_serve_is_refused(tmp_path: Path, columns: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(UserError) as refused:
        loaded(parquet(tmp_path / "a", train=pa.table(columns)))
    assert said in str(refused.value)


def test_what_is_not_here_or_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    for dataset, said in (
        ("hf:mnist", "is not on this machine (download it first"),
        (f"hf:{tmp_path / 'torn.parquet'}", "cannot be read"),
    ):
        with pytest.raises(UserError) as refused:
            check_files(DataConfig(dataset=dataset))
        assert said in str(refused.value)
