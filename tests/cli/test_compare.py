"""``fitscape compare`` and its page."""

import json
import re
from pathlib import Path

import pytest
from command import Command

from benchmarks.statistics.comparisons import Plant, plant_study


@pytest.fixture
def two(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new")):
        plant_study(tmp_path / "fitscape-runs" / name, name, Plant(trials=12, val=number * 1.5), number).ledger.close()


def test_two_studies_are_compared_in_lines_and_on_a_page_that_goes_with_the_study(
    fitscape: Command, two: None, tmp_path: Path
) -> None:
    ran = fitscape("compare", "old", "new")
    assert ran.code == 0, ran.err
    assert "images      Both studies hold out the same 1,200 images." in ran.out
    assert "training    equal" in ran.out
    assert re.search(r"best error  old \d.* points \(97.5 % interval \+?-?[\d.]+ to .*sure difference", ran.out)
    assert len(re.findall(r"^  [xngou.]{25}   [xngou.]{25}$", ran.out, re.M)) == 13
    page = tmp_path / "fitscape-runs/old/report/compare-new.html"
    assert str(page.relative_to(tmp_path)) in ran.out
    text = page.read_text()
    assert text.count('src="data:image/png;base64,') == 1
    assert "http" not in text.split("</style>")[1]
    assert len(text) < 500_000
    assert fitscape("delete", "old", "--yes").code == 0
    assert not (tmp_path / "fitscape-runs/old").exists()


def test_a_program_gets_json_and_no_page_unless_it_names_one(fitscape: Command, two: None, tmp_path: Path) -> None:
    ran = fitscape("compare", "old", "new", "--json")
    (found,) = json.loads(ran.out)["comparisons"]
    assert found["images"] == {
        "held_out": [1200, 1200],
        "shared": 1200,
        "same": True,
        "trained_on_by_the_other": [0, 0],
    }
    assert found["best_error"]["paired"] is True
    assert found["areas"]["shares"].keys() == {"diverged", "untrained", "good", "overfit", "underfit"}
    assert not (tmp_path / "fitscape-runs/old/report").exists()
    ran = fitscape("compare", "old", "new", "--json", "--html", "both.html")
    assert ran.code == 0
    assert json.loads(ran.out)
    assert Path("both.html").is_file()


def test_studies_that_cannot_be_compared_are_refused_in_a_line(fitscape: Command, small: Path, two: None) -> None:
    assert fitscape("compare", "old").refusal == "compare: takes two or three studies, not 1"
    assert "one is given twice" in fitscape("compare", "old", "old").refusal
    assert "no study is called 'oldd'" in fitscape("compare", "oldd", "new").refusal
    ran = fitscape("compare", "small", "new")  # nothing in common but the command
    assert ran.code == 0, ran.err
    assert "training    differs" in ran.out or "data" in ran.out
