"""Runs in a table, a file's or a DataFrame. W&B's export is one, scikit-learn's ``cv_results_`` another."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import pandas as pd

from fitscape.study.importing.names import is_epoch, is_run_name, is_state
from fitscape.study.importing.runs import Run, Runs, broken

_STATES: Final = {"crashed": "failed", "killed": "failed", "failed": "failed", "pruned": "stopped"}


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
    found = []
    for i, rows in enumerate(groups.values()):
        ended = _state(rows[-1].get(state)) if state else "finished"
        given = _finite(rows[0])
        found.append(
            Run(
                name=str(rows[0].get(run, i)) if run else str(i),
                params={name: given[name] for name in told if name in given},
                # What a failed run says in numbers that are not finite is that it measured nothing.
                rows=tuple(_finite(row) for row in rows) if ended == "failed" else tuple(rows),
                state=ended,
            )
        )
    return Runs(where, "table", tuple(found), step=counted)


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not broken(value)}


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
    """Python's own values by name. An empty cell is left out; a column of numbers cannot tell it from a NaN."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        plain = value.item() if hasattr(value, "item") and not isinstance(value, str) else value
        if plain is None or plain is pd.NA or plain is pd.NaT or plain != plain:
            continue
        found[str(name)] = plain
    return found
