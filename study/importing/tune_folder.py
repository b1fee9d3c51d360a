"""The trials of a Ray Tune experiment's folder: ``result.json`` or ``progress.csv`` of each. No pickle is opened."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fitscape.study.errors import UserError
from fitscape.study.importing.runs import Run, Runs, as_number, listed, require_readable

RESULT: Final = "result.json"
PROGRESS: Final = "progress.csv"
PARAMS: Final = "params.json"
STEP: Final = "training_iteration"
_OF_TUNE: Final = frozenset({"config", "trial_id", "date", "pid", "hostname", "node_ip", "done", "experiment_tag"})


def is_experiment(folder: Path) -> bool:
    """Whether a folder holds trials of Ray Tune."""
    return next(_trials(folder), None) is not None


def read(folder: Path) -> Runs:
    """Every trial below the folder; lines that a crash has cut off are left out and counted.

    Raises:
        UserError: a file cannot be read, or they are too many.
    """
    cut: list[str] = []
    try:
        trials = sorted(_trials(folder))
        sizes = (
            path.stat().st_size for trial in trials for name in (RESULT, PROGRESS) if (path := trial / name).is_file()
        )
        require_readable(str(folder), runs=len(trials), size=sum(sizes))
        runs = tuple(_run(trial, cut) for trial in trials)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=str(folder)) from None
    notes = (f"{len(cut)} lines of results are cut off: {listed(dict.fromkeys(cut))}",) if cut else ()
    return Runs(str(folder), "Ray Tune experiment", runs, step=STEP, notes=notes)


def _trials(folder: Path) -> Iterator[Path]:
    for place in sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else ():
        if any((place / name).is_file() for name in (RESULT, PROGRESS, PARAMS)):
            yield place


def _run(place: Path, cut: list[str]) -> Run:
    rows, config = _results(place, cut)
    if not config and (place / PARAMS).is_file():
        config = _loaded((place / PARAMS).read_text(), place, cut) or {}
    failed = any((place / name).exists() for name in ("error.txt", "error.pkl"))
    return Run(
        name=place.name,
        params=_flat(config),
        rows=tuple(rows),
        state="failed" if failed else "finished",
        started=min((r["timestamp"] for r in rows if "timestamp" in r), default=None),
        ended=max((r["timestamp"] for r in rows if "timestamp" in r), default=None),
    )


def _results(place: Path, cut: list[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Metrics of each report, and the config that the reports carry."""
    if (place / RESULT).is_file() and (place / RESULT).stat().st_size:
        lines = [_loaded(line, place, cut) for line in (place / RESULT).read_text().splitlines() if line.strip()]
        told = [line for line in lines if line is not None]
        config: dict[str, Any] = next((line["config"] for line in told if isinstance(line.get("config"), dict)), {})
        return [_metrics(_flat({k: v for k, v in line.items() if k not in _OF_TUNE})) for line in told], config
    if not (place / PROGRESS).is_file():
        return [], {}
    with (place / PROGRESS).open(newline="") as file:
        table = list(csv.DictReader(file))
    config = {k.removeprefix("config/"): v for k, v in (table[0].items() if table else ()) if k.startswith("config/")}
    return [_metrics({k: v for k, v in row.items() if k and not k.startswith("config/")}) for row in table], config


def _loaded(text: str, place: Path, cut: list[str]) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        cut.append(place.name)
        return None
    return found


def _metrics(row: dict[str, Any]) -> dict[str, Any]:
    return {key: found for key, value in row.items() if (found := as_number(value)) is not None}


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"model": {"depth": 2}}`` as ``{"model/depth": 2}``, as Tune writes it."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
