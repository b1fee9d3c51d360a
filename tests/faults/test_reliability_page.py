"""docs/reliability.md promises nothing that is not there: each of its 42 faults names tests and drills that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line.split(" | ") for line in (ROOT / "docs" / "reliability.md").read_text().splitlines() if line[:3] != "| #"]
FAULTS = {row[0].removeprefix("| "): row[-1] for row in ROWS if re.match(r"\| \d+$", row[0])}
FILE, DRILL = re.compile(r"`(\w+/test_\w+\.py)`"), re.compile(r"`(\w+)`")


def test_every_fault_has_its_row() -> None:
    assert [int(number) for number in FAULTS] == list(range(1, 43))


def test_where_a_fault_is_handled_is_a_module_that_exists() -> None:
    for row in ROWS:
        if re.match(r"\| \d+a?$", row[0]):
            names = re.findall(r"`([\w.]+)`", row[-2])
            room = names[0].rpartition(".")[0]
            for name in names:
                place = ROOT / "study" / (room + name if name[0] == "." else name).replace(".", "/")
                assert place.is_dir() or place.with_suffix(".py").is_file(), f"row {row[0]}: {name}"


@pytest.mark.parametrize("number", FAULTS)
def test_what_shows_a_fault_exists(number: str) -> None:
    shown = FAULTS[number]
    files = FILE.findall(shown)
    for file in files:
        assert "\ndef test_" in (ROOT / "tests" / file).read_text(), f"{file} holds no test"
    drills = DRILL.findall(shown.partition("drill")[2])
    for drill in drills:
        assert (ROOT / "benchmarks" / "drills" / f"{drill}.py").is_file(), drill
        assert list((ROOT / "benchmarks" / "results").glob(f"{drill}-*.json")), f"{drill} was never run"
    assert files or drills


DRILLS = {row[0].strip("| `"): row[1:] for row in ROWS if re.match(r"\| `\w+`$", row[0]) and len(row) == 4}


def newest(drill: str) -> list[dict[str, Any]]:
    """The rows of a drill's latest results, of its parts (``worker_kills_stop``) too."""
    latest: dict[str, Path] = {}
    for file in sorted((ROOT / "benchmarks" / "results").glob(f"{drill}*.json")):
        latest[file.name.rpartition("-20")[0]] = file
    assert latest, f"{drill} was never run"
    return [row for file in latest.values() for row in json.loads(file.read_text())["faults"]]


def test_the_table_of_drills_has_those_that_were_counted() -> None:
    assert {"driver_kills", "mlflow_outage", "worker_kills", "fuzz_configs", "crash_points"} <= DRILLS.keys()


@pytest.mark.parametrize("drill", DRILLS)
def test_what_a_drill_tried_it_survived_and_the_page_says_as_many(drill: str) -> None:
    tried, survived = (sum(row[key] for row in newest(drill)) for key in ("tried", "survived"))
    assert tried == survived > 0
    said, kept = DRILLS[drill][0], DRILLS[drill][1]
    assert int(kept.replace(",", "")) == survived
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", said)]
    rows = {row["tried"] for row in newest(drill)}
    assert tried in numbers or rows - {1} <= set(numbers), f"{said}: the drill tried {tried}"
