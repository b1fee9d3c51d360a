"""docs/reliability.md promises nothing that is not there: each of its 42 faults names tests and drills that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line.split(" | ") for line in (ROOT / "docs" / "reliability.md").read_text().splitlines() if line[:3] != "| #"]
FAULTS = {row[0].removeprefix("| "): row[-1] for row in ROWS if re.match(r"\| \d+$", row[0])}
FILE, DRILL = re.compile(r"`(\w+/test_\w+\.py)`"), re.compile(r"`(\w+)`")


def test_every_fault_has_its_row() -> None:
    assert [int(number) for number in FAULTS] == list(range(1, 43))


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
