"""Records to rows and back, without loss: every float returns as it was, NaN and infinities too."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord as EpochRecord
from fitscape.study.records import (
    GradientProfile,
    Label,
    LatePair,
    ModelSize,
    Regime,
    TrialRecord,
    TrialState,
)
from fitscape.study.releases import trial_as_stored

EPOCH_FIELDS = {f.name: f for f in fields(EpochRecord) if f.name != "gradients"}
EPOCH_SCALARS = tuple(EPOCH_FIELDS)
_LABEL_JSON = ("probabilities", "flags")
LABEL_FIELDS = {f.name: f for f in fields(Label) if f.name not in _LABEL_JSON}
LABEL_SCALARS = tuple(LABEL_FIELDS)


def to_json(value: Any) -> str:
    """JSON with NaN and Infinity as Python writes them; ``json.loads`` reads them back."""
    return json.dumps(value, separators=(",", ":"))


def _scalars(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The named fields as columns; what is NaN becomes NULL and is named in ``nans``."""
    row = {name: getattr(record, name) for name in names}
    nans = [name for name, value in row.items() if isinstance(value, float) and math.isnan(value)]
    return {**row, **dict.fromkeys(nans), "nans": " ".join(nans)}


def _restored(row: "sqlite3.Row | dict[str, Any]", names: tuple[str, ...]) -> dict[str, Any]:
    """The row's fields; one that an earlier release did not write is left to the record's default."""
    held = {name: row[name] for name in set(names) & set(row.keys())}
    return {k: v for k, v in held.items() if v is not None} | dict.fromkeys(row["nans"].split(), math.nan)


def epoch_rows(trial_id: str, records: Iterable[EpochRecord]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns of epochs, and a row for each; their gradient profiles are in a table of their own."""
    rows, scalars = [], attrgetter(*EPOCH_SCALARS)
    for record in records:
        values = scalars(record)
        nans = [name for name, value in zip(EPOCH_SCALARS, values, strict=True) if value != value]  # NaN alone is so
        if nans:
            values = tuple(None if value != value else value for value in values)
        rows.append((trial_id, *values, " ".join(nans)))
    return ("trial_id", *EPOCH_SCALARS, "nans"), rows


def epoch_reader(columns: Sequence[str]) -> Callable[[sqlite3.Row, tuple[GradientProfile, ...]], EpochRecord]:
    """What makes records of rows that have these columns; one that an earlier release did not write is left to the
    record's default. A ledger has a row for each epoch of each trial, so that what all of them share is done once."""
    held = [(name, columns.index(name)) for name in EPOCH_SCALARS if name in columns]
    nans = columns.index("nans")

    def record(row: sqlite3.Row, gradients: tuple[GradientProfile, ...]) -> EpochRecord:
        values = {name: value for name, at in held if (value := row[at]) is not None}
        if row[nans]:
            values |= dict.fromkeys(row[nans].split(), math.nan)
        return EpochRecord(**values, gradients=gradients)

    return record


def label_row(label: Label) -> dict[str, Any]:
    return {
        **_scalars(label, LABEL_SCALARS),
        "regime": label.regime.value,
        "probabilities": to_json(label.probabilities),
        "flags": to_json(label.flags),
    }


def label_record(row: "sqlite3.Row | dict[str, Any]") -> Label:
    values = _restored(row, LABEL_SCALARS)
    values |= {"regime": Regime(values["regime"]), "by_map": bool(values.get("by_map", False))}
    return Label(**values, probabilities=json.loads(row["probabilities"]), flags=tuple(json.loads(row["flags"])))


def trial_row(trial: TrialRecord) -> dict[str, Any]:
    """Every column of a trial that has ended; its late pair is in a table of its own."""
    return {
        **{name: getattr(trial, name) for name in ("trial_id", "number", "origin", "attempts", "message")},
        **{name: getattr(trial, name) for name in ("started_at", "ended_at", "node", "device")},
        "config": trial.config.model_dump_json(),
        "dials": to_json(trial.hyperparameters),
        "state": trial.state.value,
        "parameters": trial.size.parameters if trial.size else None,
        "flops": trial.size.flops if trial.size else None,
        "extra": to_json(trial.extra),
    }


def trial_record(row: sqlite3.Row, epochs: tuple[EpochRecord, ...], late: LatePair | None) -> TrialRecord:
    size = None if row["parameters"] is None else ModelSize(parameters=row["parameters"], flops=row["flops"])
    return TrialRecord(
        number=row["number"],
        trial_id=row["trial_id"],
        config=TrialConfig.model_validate(trial_as_stored(json.loads(row["config"]))),
        hyperparameters=json.loads(row["dials"]),
        origin=row["origin"],
        state=TrialState(row["state"]),
        attempts=row["attempts"],
        epochs=epochs,
        size=size,
        late=late,
        message=row["message"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        node=row["node"],
        device=row["device"],
        extra=json.loads(row["extra"]),
    )
