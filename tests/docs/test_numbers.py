"""Published figures are those of the committed data, and a changed digit on either side is noticed."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY

sys.path.insert(0, str(REPOSITORY))

from tools import numbers

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


def test_numerals_are_counted_as_traced_or_not(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("It takes 2.24 s for 24 trials of ResNet18; 3,144 points.")
    (tmp_path / "data.json").write_text(json.dumps({"seconds": 2.238}))
    found = list(numbers.figures({"page.md": {"data.json": ["{seconds:.2f} s"]}}, tmp_path))
    assert numbers.covered("page.md", found, tmp_path) == (1, 3)


def test_a_figure_of_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("1")
    (tmp_path / "data.json").write_text("{}")
    with pytest.raises(KeyError):
        list(numbers.figures({"page.md": {"data.json": ["{no/such/key}"]}}, tmp_path))


def test_the_command_ends_with_an_error_where_a_figure_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["numbers.py"])
    assert numbers.main() == 0
    assert f"{len(FIGURES)} of {len(FIGURES)} figures agree" in capsys.readouterr().out
    worse = tmp_path / "numbers.yaml"
    source = "benchmarks/results/study_speed-2026-11-24.json"
    worse.write_text(yaml.safe_dump({"README.md": {source: ["{ratios/plain/median:.7f} times"]}}))
    monkeypatch.setattr(numbers, "LIST", worse)
    assert numbers.main() == 1
