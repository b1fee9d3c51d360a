"""Runs in a table: CSV, Parquet, JSON, or a DataFrame. W&B's export is one, scikit-learn's ``cv_results_`` another."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from fitscape.study.errors import UserError
from fitscape.study.importing.names import is_epoch, is_run_name, is_state
from fitscape.study.importing.runs import Run, Runs, require_readable

ENDINGS: Final = (".csv", ".tsv", ".parquet", ".json", ".jsonl")
_STATES: Final = {"crashed": "failed", "killed": "failed", "failed": "failed", "pruned": "stopped"}


def read_file(path: Path) -> pd.DataFrame:
    """The table in a file.

    Raises:
        UserError: it cannot be read as what its ending says, or is too large.
    """
    try:
        require_readable(str(path), size=_unpacked(path))
        match path.suffix.lower():
            case ".parquet":
                return pd.read_parquet(path)
            case ".json":
                return pd.read_json(path, precise_float=True)
            case ".jsonl":
                return pd.read_json(path, lines=True, precise_float=True)
            case ending:
                return pd.read_csv(path, sep="\t" if ending == ".tsv" else ",", float_precision="round_trip")
    except UserError:
        raise
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # pandas' and pyarrow's own errors are ValueErrors
        first = " ".join(str(error).split())[:200]
        fix = f"is it a whole {path.suffix.lower().removeprefix('.')} file?"
        raise UserError(f"cannot be read: {first}", where=str(path), fix=fix) from None


def _unpacked(path: Path) -> int:
    """Bytes of the table, of a Parquet file those before it was compressed."""
    if path.suffix.lower() != ".parquet":
        return path.stat().st_size
    groups = pq.read_metadata(path)
    return sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups))


def runs_of(frame: pd.DataFrame, where: str, *, epoch: str | None = None, params: Sequence[str] | None = None) -> Runs:
    """A row is a run; where there is a column of epochs, the rows of one run belong together.

    Args:
        epoch: the column that counts epochs; None: one that is called so, if a run has several rows.
        params: the columns that are parameters; None: left to the guess.
    """
    frame = frame.rename(columns=str)
    columns = [str(column) for column in frame.columns]
    run = next((c for c in columns if is_run_name(c)), None)
    state = next((c for c in columns if is_state(c)), None)
    counted = epoch if epoch is not None else _counting(frame, columns, run)
    records = [_plain(row) for row in frame.to_dict("records")]
    groups: dict[Any, list[dict[str, Any]]] = {}
    told = [c for c in columns if c not in (counted, run, state)]
    keys = [run] if run else list(params or (_settled(frame, told, counted) if counted else ()))
    for i, record in enumerate(records):
        same = i if counted is None else tuple(repr(record.get(key)) for key in keys)
        groups.setdefault(same, []).append(record)
    found = tuple(
        Run(
            name=str(rows[0].get(run, i)) if run else str(i),
            params={name: rows[0][name] for name in told if name in rows[0]},
            rows=tuple(rows),
            state=_state(rows[-1].get(state)) if state else "finished",
        )
        for i, rows in enumerate(groups.values())
    )
    return Runs(where, "table", found, step=counted)


def _counting(frame: pd.DataFrame, columns: Sequence[str], run: str | None) -> str | None:
    """The column that counts epochs, where rows are epochs: it is called so, and several rows are of one run."""
    for column in columns:
        if is_epoch(column) and pd.api.types.is_numeric_dtype(frame[column]) and frame[column].nunique() > 1:
            return column if run is None or frame[run].duplicated().any() else None
    return None


def _settled(frame: pd.DataFrame, columns: Sequence[str], epoch: str) -> list[str]:
    """Columns that a run keeps over its epochs: those that are the same at every value of the epoch's first rows."""
    first = frame[frame[epoch] == frame[epoch].min()]
    found = []
    for column in columns:
        values = frame[column].map(repr)
        if set(values) == set(first[column].map(repr)) and values.nunique() <= len(first):
            found.append(column)
    return found


def _state(value: Any) -> str:
    word = str(value).lower()
    return _STATES.get(word, word) if word in {*_STATES, "running", "pending", "stopped", "diverged"} else "finished"


def _plain(row: dict[Hashable, Any]) -> dict[str, Any]:
    """Python's own values by name. An empty cell is left out; a table cannot tell it from a NaN."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        plain = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
        if plain is None or plain is pd.NA or plain is pd.NaT or plain != plain:
            continue
        found[str(name)] = plain
    return found
