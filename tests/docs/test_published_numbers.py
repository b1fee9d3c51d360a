"""Published figures are those of the committed data, and a changed digit on either side is noticed."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY

sys.path.insert(0, str(REPOSITORY))

from tools import published_numbers as numbers

LISTED = yaml.safe_load(numbers.LIST.read_text())
FIGURES = list(numbers.figures(LISTED))


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.page}: {figure.text}"[:90])
def test_a_figure_is_what_its_file_says(figure: numbers.Figure) -> None:
    assert figure.found, f"{figure.source} says '{figure.text}'"


@pytest.mark.parametrize(("written", "found"), [("2.24x", True), ("2.25x", False), ("12.24x", False), ("2.24", False)])
def test_a_changed_digit_is_noticed(tmp_path: Path, written: str, found: bool) -> None:
    (tmp_path / "page.md").write_text(f"It is\n{written} as fast.")
    (tmp_path / "data.json").write_text(json.dumps({"rows": [{"name": "a b", "ratio": 0.0223988}]}))
    listed = {"page.md": {"data.json": ["{rows[name=a]/ratio*100:.2f}x"]}}
    (figure,) = numbers.figures(listed, tmp_path)
    assert bool(figure.found) is found


@pytest.mark.parametrize("page", LISTED)
def test_every_number_of_a_page_has_a_source(page: str) -> None:
    assert not numbers.untraced(page, FIGURES)


def test_a_number_without_a_source_is_named_and_names_and_dates_are_none(tmp_path: Path) -> None:
    named = "On 24 November 2026 (MLflow 3.17, section 4.1) plain-56 took 2.24 s for `24` trials at 14x14; exit code 2."
    prose = f"{named} Then, three times and more, it took all of 3,144."
    (tmp_path / "page.md").write_text(prose)
    (tmp_path / "data.json").write_text(json.dumps({"seconds": 2.238}))
    found = list(numbers.figures({"page.md": {"data.json": ["{seconds:.2f} s"]}}, tmp_path))
    assert [place.strip() for place in numbers.untraced("page.md", found, tmp_path)] == [prose[-46:].strip()]


def test_a_figure_of_a_table_is_asked_in_sql(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("nets of depth 56 end at 75 %, the best at 5; 1e-2 in all")
    (tmp_path / "t.csv").write_text("depth,error\n20,0.05\n56,0.7\n56,0.8\n")
    whole = "{SELECT min(e) FROM (SELECT avg(error) e FROM t GROUP BY depth)*100:.0f}"
    listed = {"page.md": {"t.csv": ["{avg(error) | depth=56*100:.0f} %", f"the best at {whole};"]}}
    assert all(figure.found for figure in numbers.figures(listed, tmp_path))
    with pytest.raises(KeyError):
        list(numbers.figures({"page.md": {"t.csv": ["{avg(error) | depth=1}"]}}, tmp_path))


def test_a_row_that_a_text_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("| a | 1 |")
    (tmp_path / "table.md").write_text("| a | 2 |")
    with pytest.raises(KeyError):
        list(numbers.figures({"page.md": {"table.md": ["| a | 1 |"]}}, tmp_path))


def test_a_figure_of_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("1")
    (tmp_path / "data.json").write_text("{}")
    with pytest.raises(KeyError):
        list(numbers.figures({"page.md": {"data.json": ["{no/such/key}"]}}, tmp_path))


def test_the_command_ends_with_an_error_where_a_figure_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["published_numbers.py"])
    assert numbers.main() == 0
    assert "0 differ, 0 numbers lack a source" in capsys.readouterr().out
    worse = tmp_path / "numbers.yaml"
    source = "benchmarks/results/study_speed-2026-11-24.json"
    worse.write_text(yaml.safe_dump({"README.md": {source: ["{ratios/plain/median:.7f} times"]}}))
    monkeypatch.setattr(numbers, "LIST", worse)
    assert numbers.main() == 1
