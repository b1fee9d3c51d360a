"""Finished searches on disk: a line each, written as it ends, so that a benchmark that is cut short goes on."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from benchmarks.regime_search.jobs import Finished, Job
from benchmarks.regime_search.simulate import Curve


def load(path: Path) -> list[Finished]:
    """What is there; a line that was cut off is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        with suppress(json.JSONDecodeError):
            row = json.loads(line)
            found.append(Finished(Job(**row["job"]), Curve(**row["curve"])))
    return found


def append(path: Path, finished: Finished) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(finished)) + "\n")
