"""Trials as a table for other tools: JSON, CSV, Parquet, or an Optuna storage for optuna-dashboard."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from fitscape.study.errors import UserError
from fitscape.study.export.target import STORAGE, is_storage, require_target
from fitscape.study.files import whole_file
from fitscape.study.opened import OpenStudy
from fitscape.study.table import table

__all__ = ["export", "require_target", "table", "writer"]


def export(study: OpenStudy, to: Path, *, overwrite: bool = False) -> int:
    """Write a study's trials; the ending says how. The file appears whole or not at all.

    An Optuna storage that is there gets the study added, or stays as it was. Any other file is replaced only with
    ``overwrite``, and one of fitscape's own never.

    Returns:
        The number of trials.

    Raises:
        UserError: an unknown ending, a file that is there, or a place that cannot be written.
    """
    write = writer(to)
    require_target(to, overwrite=overwrite)
    try:
        if is_storage(to):
            from fitscape.study.export.optuna_storage import add

            add(study, to, overwrite=overwrite)
        else:
            with whole_file(to) as partial:
                write(study, partial)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror or error}", where=str(to)) from None
    return len(study.trials)


def writer(to: Path) -> Callable[[OpenStudy, Path], None]:
    """What writes a file of this ending.

    Raises:
        UserError: nothing does.
    """
    if to.suffix.lower() not in WRITERS:
        what = f"cannot export to '{to.suffix or to.name}'"
        raise UserError(what, where=str(to), fix=f"end in one of {', '.join(WRITERS)}")
    return WRITERS[to.suffix.lower()]


def _write_json(study: OpenStudy, to: Path) -> None:
    """A list of objects. JSON has no NaN: what is missing or not finite is null; ``state`` says which."""
    rows = [
        {name: _plain(value) for name, value in row.items()}
        for row in study.table().astype(object).to_dict(orient="records")
    ]
    to.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _write_csv(study: OpenStudy, to: Path) -> None:
    study.table().to_csv(to, index=False, na_rep="NaN")


def _write_parquet(study: OpenStudy, to: Path) -> None:
    frame = study.table()
    mixed = [name for name in frame if frame[name].dtype == object and frame[name].dropna().map(type).nunique() > 1]
    frame.astype(dict.fromkeys(mixed, "string")).to_parquet(to, index=False)


def _write_optuna(study: OpenStudy, to: Path) -> None:
    from fitscape.study.export.optuna_storage import write

    write(study, to)


WRITERS: dict[str, Callable[[OpenStudy, Path], None]] = {
    ".json": _write_json,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    STORAGE: _write_optuna,
}
