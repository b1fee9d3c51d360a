"""Tables as other programs write them: separators, decimal commas, per cents, encodings, nested JSON, NaN as text."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from strangers import landscape

from fitscape.study.errors import UserError
from fitscape.study.importing import DataSetFacts, Keys, look, make
from fitscape.study.importing.table_files import read_file
from fitscape.study.opened import open_study
from fitscape.study.records import TrialState

ROWS: list[dict[str, Any]] = [
    {"lr": lr, "width": width, "train_error": train, "val_error": train + 0.0625}
    for lr, width, train in ((0.5, 8, 0.25), (0.125, 16, 0.5), (0.25, 32, 0.125))
]


def cells(separator: str, decimal: str = ".", percent: str = "") -> str:
    def cell(name: str, value: float) -> str:
        text = f"{100 * value}%" if percent and name.endswith("error") else str(value)
        return text.replace(".", decimal)

    lines = [separator.join(ROWS[0]), *(separator.join(cell(*item) for item in row.items()) for row in ROWS)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("commas.csv", cells(","), "utf-8"),
        ("semicolons.csv", cells(";"), "utf-8"),
        ("decimal_commas.csv", cells(";", ","), "utf-8-sig"),
        ("tabs.csv", cells("\t"), "utf-16"),
        ("tabs.tsv", cells("\t", ","), "utf-8"),
        ("per_cents.csv", cells(",", percent="%"), "utf-8"),
        ("quoted_commas.csv", cells('","', ",").replace("\n", '"\n"').removesuffix('"'), "utf-8"),
        ("spaces.csv", cells(", "), "utf-8"),
        ("nested.json", json.dumps([{"lr": r["lr"], "width": r["width"], "metrics": r} for r in ROWS]), "utf-8"),
        ("nested.jsonl", "\n".join(json.dumps({"config": r}) for r in ROWS), "utf-8"),
    ],
)
def test_a_table_reads_the_same_however_it_was_written(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    text = f'"{text}' if name.startswith("quoted") else text
    (tmp_path / name).write_text(text, encoding=encoding)
    frame = read_file(tmp_path / name)
    read = [{str(key).split(".")[-1]: value for key, value in row.items()} for row in frame.to_dict("records")]
    assert read == ROWS


def test_a_column_in_per_cent_by_its_name_keeps_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("val acc (%),dropout\n85.5%,20%\n")
    assert read_file(tmp_path / "t.csv").to_dict("records") == [{"val acc (%)": 85.5, "dropout": 0.2}]


@pytest.mark.parametrize("text", ['x,y\n"1,234",0\n"12,345",0\n', "x\n1_000\n", "x\n2 GiB\n"])
def test_what_may_be_two_numbers_stays_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert all(isinstance(value, str) for value in read_file(tmp_path / "t.csv").iloc[:, 0])


def test_cells_that_are_empty_are_missing_and_truth_values_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,augment,optimizer\n1,True,sgd\n,false,None\n3,TRUE,nan\n")
    frame = read_file(tmp_path / "t.csv")
    assert frame["augment"].tolist() == [True, False, True]
    assert frame["x"].isna().tolist() == [False, True, False]
    assert frame["optimizer"].isna().tolist() == [False, True, True]


def test_a_file_of_another_encoding_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("학습률,train_error,val_error\n1,0,0\n".encode("cp949"))
    with pytest.raises(UserError, match="is not UTF-8") as refused:
        read_file(tmp_path / "t.csv")
    assert "CSV UTF-8" in str(refused.value)


@pytest.mark.parametrize(("train", "val"), [("nan", "nan"), ("0.5", "inf"), ("NaN", ""), ("", "-Infinity")])
def test_a_number_that_is_written_and_not_finite_is_a_run_that_diverged(tmp_path: Path, train: str, val: str) -> None:
    table = landscape(6).to_csv(index=False).splitlines()
    names = table[0].split(",")
    broken = dict(zip(names, table[1].split(","), strict=True)) | {"train_error": train, "val_error": val}
    table[1] = ",".join(broken[name] for name in names)
    (tmp_path / "t.csv").write_text("\n".join(table))
    runs, keys = look(tmp_path / "t.csv", Keys(train_n=2000, val_n=2000))
    study = open_study(make(runs, keys, "read", tmp_path, facts=DataSetFacts(classes=10)))
    first = study.trials[0]
    assert [trial.state for trial in study.trials] == [TrialState.DIVERGED, *[TrialState.FINISHED] * 5]
    assert first.last is not None
    assert math.isnan(first.last.train_error) or math.isnan(first.last.val_error)


def test_an_error_that_is_a_word_is_a_run_without_one_and_never_zero(tmp_path: Path) -> None:
    frame = landscape(6).astype({"val_error": object})
    frame.loc[0, "val_error"] = "out of memory"
    runs, keys = look(frame, Keys(train_n=2000, val_n=2000))
    study = open_study(make(runs, keys, "read", tmp_path, facts=DataSetFacts(classes=10)))
    assert len(study.trials) == 5
    assert any("1 runs are left out: they lack" in note for note in study.provenance["data"]["notes"])
