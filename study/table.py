"""A study's trials as tables: one row per trial, with the columns that every export and report shares, or an epoch."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from fitscape.study.records import EpochRecord, Label, TrialRecord

# The columns in order; the searched parameters come after SIZE.
HEAD = ("trial_id", "state", "attempts", "regime", "regime_probability", "family", "depth", "width")
SIZE = ("parameters", "flops")
TAIL = ("seed", "epochs", "train_loss", "train_error", "val_loss", "val_error", "gap", "seconds")
WHOLE = ("attempts", "depth", "parameters", "flops", "seed", "epochs")
ASKED = {"epochs": "epochs_asked"}  # hyperparameters whose name is that of something measured
REAL = ("regime_probability", "width", "train_loss", "train_error", "val_loss", "val_error", "gap", "seconds")


def table(trials: Iterable[TrialRecord], labels: Mapping[str, Label], searched: Iterable[str]) -> pd.DataFrame:
    """One row per trial, in order of creation.

    Losses and errors are those of the last epoch; what was not measured is missing, and a non-finite value stays
    what it is. ``epochs`` counts those that were run; where it is searched, ``epochs_asked`` holds its value. Any
    other searched parameter that is a column already is not doubled.
    """
    own = {*HEAD, *SIZE, *TAIL}
    extra = [ASKED.get(name, name) for name in searched if name in ASKED or name not in own]
    rows = [_row(trial, labels.get(trial.trial_id), extra) for trial in trials]
    frame = pd.DataFrame(rows, columns=[*HEAD, *SIZE, *extra, *TAIL], dtype=object)
    # From objects, so that no count passes through a float on its way to a nullable whole number.
    frame = frame.astype(dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(REAL, "float64"))
    return frame.astype({name: frame[name].infer_objects().dtype for name in extra})


def _row(trial: TrialRecord, label: Label | None, extra: list[str]) -> dict[str, Any]:
    model, last = trial.config.model, trial.last
    flat = trial.config.flat()
    hyperparameters = {**flat, "architecture": model.name, **{asked: flat[name] for name, asked in ASKED.items()}}
    measured = ("train_loss", "train_error", "val_loss", "val_error", "gap")
    return {
        "trial_id": trial.trial_id,
        "state": trial.state.value,
        "attempts": trial.attempts,
        "regime": label.regime.value if label else None,
        "regime_probability": label.probability if label else None,
        "family": model.family,
        "depth": model.depth,
        "width": model.width,
        "parameters": trial.size.parameters if trial.size else None,
        "flops": trial.size.flops if trial.size else None,
        **{name: hyperparameters.get(name) for name in extra},
        "seed": trial.config.seed,
        "epochs": len(trial.epochs),
        **{name: getattr(last, name) if last else None for name in measured},
        "seconds": trial.seconds,
    }


def curves(trials: Iterable[TrialRecord]) -> pd.DataFrame:
    """One row per epoch, in order: ``trial_id``, each number of its ``EpochRecord``, and ``gap``; no norms by layer."""
    numbers = [field.name for field in fields(EpochRecord) if field.name != "gradients"]
    columns = ["trial_id", *numbers, "gap"]
    rows = [(t.trial_id, *(getattr(e, name) for name in columns[1:])) for t in trials for e in t.epochs]
    return pd.DataFrame(rows, columns=columns)
