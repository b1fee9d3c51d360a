"""What is done, a line each, written as it ends, so that a benchmark that is cut short goes on."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS

FOLDER = RESULTS / "statistics"


def load(name: str) -> Iterator[dict[str, Any]]:
    """The lines of one part; a line that was cut off is left out."""
    file = FOLDER / f"{name}.jsonl"
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def append(name: str, row: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def summary(name: str) -> Path:
    """Where the figures of a part are written."""
    return RESULTS / f"statistics-{name}.json"
