"""Which kind of source a text or an object names, and the runs in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import sqlalchemy

from fitscape.study.errors import UserError
from fitscape.study.importing import table, table_files, tune_folder
from fitscape.study.importing.runs import MOST_RUNS, Run, Runs, require_readable
from fitscape.study.paths import SQLITE, absolute_uri, expanded
from fitscape.study.tracking import redact
from fitscape.study.tracking.runs import FILE_STORE, read_runs

_TAKES: Final = (
    "an MLflow server, its SQLite file or its folder mlruns; an Optuna storage; a Ray Tune experiment's folder; "
    f"or a table ({', '.join(table_files.ENDINGS)})"
)
MLFLOW: Final = "MLflow experiment"
_SQLITE_HEAD: Final = b"SQLite format 3\0"


def read(
    source: str | Path | pd.DataFrame,
    *,
    experiment: str | None = None,
    epoch: str | None = None,
    params: Sequence[str] | None = None,
    curves: Sequence[str] = (),
) -> Runs:
    """The runs of a source.

    Args:
        source: a URI, a path or a DataFrame.
        experiment: MLflow's experiment or Optuna's study; None: the only one there is.
        epoch: of a table, the column that counts epochs.
        params: of a table, the columns that are parameters.
        curves: of MLflow, metrics whose whole history is wanted: a call for each run and metric.

    Raises:
        UserError: there is no such source, it cannot be read, or it holds no run or too many.
    """
    found = _read(source, experiment, epoch, params, curves)
    require_readable(found.where, runs=len(found.runs))
    if not found.runs:
        raise UserError("holds no run", where=found.where, fix="is it the source you mean?")
    return found


def _read(
    source: str | Path | pd.DataFrame,
    experiment: str | None,
    epoch: str | None,
    params: Sequence[str] | None,
    curves: Sequence[str],
) -> Runs:
    if isinstance(source, pd.DataFrame):
        return _table(source, "the table", epoch, params)
    text = str(source)
    if "://" in text and not text.startswith("file:"):
        return _uri(text, experiment, curves)
    path = expanded(text.removeprefix("file://").removeprefix("file:"))
    if not path.exists():
        raise UserError("there is nothing here", where=str(path), fix=f"a source is {_TAKES}")
    if path.is_dir():
        if (path / FILE_STORE).is_dir() or (path / "0" / "meta.yaml").is_file() or any(path.glob("*/meta.yaml")):
            return _mlflow(str(path.absolute()), str(path), experiment, curves)
        if tune_folder.is_experiment(path):
            return tune_folder.read(path)
    elif path.suffix.lower() in table_files.ENDINGS:
        return _table(table_files.read_file(path), str(path), epoch, params)
    elif path.open("rb").read(len(_SQLITE_HEAD)) == _SQLITE_HEAD:
        return _uri(f"{SQLITE}{path.absolute()}", experiment, curves)
    elif path.suffix.lower() in (".log", ".journal"):
        from fitscape.study.importing import optuna_storage

        return optuna_storage.read(str(path), str(path), experiment)
    raise UserError("is not a source of runs", where=str(path), fix=f"a source is {_TAKES}")


def _table(frame: pd.DataFrame, where: str, epoch: str | None, params: Sequence[str] | None) -> Runs:
    for option, name in (("--epoch", epoch), *(("--params", name) for name in params or ())):
        if name is not None and name not in frame.columns:
            raise UserError(f"no column '{name}'", where=option, fix=f"there is {', '.join(map(str, frame.columns))}")
    return table.runs_of(frame, where, epoch=epoch, params=params)


def _uri(uri: str, experiment: str | None, curves: Sequence[str]) -> Runs:
    """A server, or a database, known by its tables."""
    where = redact(uri)
    if uri.startswith(("http://", "https://")):
        return _mlflow(uri, where, experiment, curves)
    try:
        engine = sqlalchemy.create_engine(absolute_uri(uri))
        try:
            if uri.startswith(SQLITE) and not Path(absolute_uri(uri).removeprefix(SQLITE)).is_file():
                raise UserError("there is no file here", where=where)
            tables = set(sqlalchemy.inspect(engine).get_table_names())
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        text = " ".join(str(getattr(error, "orig", error)).split())[:200]
        raise UserError(f"cannot be read: {text}", where=where, fix=f"a source is {_TAKES}") from None
    if {"experiments", "runs"} <= tables:
        return _mlflow(absolute_uri(uri), where, experiment, curves)
    if {"studies", "trials"} <= tables and "study_user_attributes" in tables:
        from fitscape.study.importing import optuna_storage

        return optuna_storage.read(absolute_uri(uri), where, experiment)
    if {"study", "trials", "epochs"} <= tables:
        raise UserError("is a study of fitscape", where=where, fix="it needs no reading: fitscape report, map, export")
    raise UserError("holds neither MLflow's tables nor Optuna's", where=where, fix=f"a source is {_TAKES}")


def _mlflow(uri: str, where: str, experiment: str | None, curves: Sequence[str]) -> Runs:
    name, found = read_runs(uri, experiment, curves=curves, most=MOST_RUNS)
    runs = tuple(
        Run(
            name=run.name,
            params=run.params | _tags(run.tags),
            rows=run.rows,
            state={"FINISHED": "finished", "FAILED": "failed", "KILLED": "failed"}.get(run.status, "running"),
            started=run.started,
            ended=run.ended,
        )
        for run in found
    )
    return Runs(f"{where} experiment {name}", MLFLOW, runs, step="step")


def _tags(tags: dict[str, Any]) -> dict[str, Any]:
    """Of a run of ours, the state that MLflow has no word for."""
    return {"fitscape state": tags["state"]} if {"study_uid", "trial_id", "state"} <= tags.keys() else {}
