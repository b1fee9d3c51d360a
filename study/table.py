"""A study's trials as tables: a row per trial, with the columns of exports and report, per epoch, or per image."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from fitscape.study.records import EpochRecord, ImageSet, Label, Predictions, Regime, TrialRecord

# The columns in order; the searched parameters come after SIZE.
CHANCES = tuple(f"p_{regime.value}" for regime in Regime if regime is not Regime.UNDECIDED)
# The fewest regimes with nine tenths of the probability; its flags; of an open label, why and what would settle it.
SAID = ("regime_set", *CHANCES, "regime_by_map", "regime_flags", "unsettled_by", "seeds_needed", "images_needed")
HEAD = ("trial_id", "state", "attempts", "regime", "regime_probability", *SAID, "family", "depth", "width")
SIZE = ("parameters", "flops")
MEASURED = ("train_loss", "train_error", "val_loss", "val_error", "gap")
BALANCED = ("val_balanced_error", "val_macro_f1")
BEHIND = ("train_n", "val_n", "flipped_n", "val_error_a", "val_error_b")  # the rest of what a label is made of
TAIL = ("seed", "epochs", *MEASURED, *BALANCED, *BEHIND, "seconds")
WHOLE = ("attempts", "seeds_needed", "images_needed", "depth", "parameters", "flops", "seed", "epochs", *BEHIND[:3])
ASKED = {"epochs": "epochs_asked"}  # hyperparameters whose name is that of something measured
REAL = ("regime_probability", *CHANCES, "width", *MEASURED, *BALANCED, *BEHIND[3:], "seconds")


def table(trials: Iterable[TrialRecord], labels: Mapping[str, Label], searched: Iterable[str]) -> pd.DataFrame:
    """One row per trial, in order of creation.

    Losses and errors are those of the last epoch; what was not measured is missing, and a non-finite value stays
    what it is. ``epochs`` counts those that were run; where it is searched, ``epochs_asked`` holds its value, and so
    with every hyperparameter of a run that was read. Any other searched parameter that is a column already is not
    doubled.
    """
    trials = list(trials)
    theirs = trials[0].config.theirs.keys() if trials else ()
    taken = {*HEAD, *SIZE, *TAIL}
    asked = ASKED | {name: f"{name}_asked" for name in theirs if name in taken}
    extra = {asked.get(name, name): name for name in searched if name in asked or name not in taken}
    rows = [_row(trial, labels.get(trial.trial_id), extra) for trial in trials]
    frame = pd.DataFrame(rows, columns=[*HEAD, *SIZE, *extra, *TAIL], dtype=object)
    # From objects, so that no count passes through a float on its way to a nullable whole number.
    frame = frame.astype(dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(REAL, "float64"))
    return frame.astype({name: frame[name].infer_objects().dtype for name in extra})


def _row(trial: TrialRecord, label: Label | None, extra: Mapping[str, str]) -> dict[str, Any]:
    model, last = trial.config.model, trial.last
    flat = {"architecture": model.name, **trial.config.flattened}
    return {
        "trial_id": trial.trial_id,
        "state": trial.state.value,
        "attempts": trial.attempts,
        "regime": label.regime.value if label else None,
        "regime_probability": label.probability if label else None,
        **_said(label),
        "family": model.name if model.read else model.family,
        "depth": None if model.read else model.depth,
        "width": None if model.read else model.width,
        "parameters": trial.size.parameters if trial.size else None,
        "flops": trial.size.flops if trial.size else None,
        **{column: flat.get(name) for column, name in extra.items()},
        "seed": trial.config.seed,
        "epochs": len(trial.epochs),
        **{name: getattr(last, name) if last else None for name in (*MEASURED, *BALANCED, *BEHIND)},
        "seconds": trial.seconds,
    }


def _said(label: Label | None) -> dict[str, Any]:
    if label is None:
        return dict.fromkeys(SAID)
    return {
        "regime_set": " or ".join(regime.value for regime in label.regime_set),
        **{f"p_{name}": p for name, p in label.probabilities.items()},
        "regime_by_map": label.by_map,
        "regime_flags": " ".join(label.flags),
        "unsettled_by": label.unsettled_by or None,
        "seeds_needed": label.seeds_needed,
        "images_needed": label.images_needed,
    }


def curves(trials: Iterable[TrialRecord]) -> pd.DataFrame:
    """One row per epoch, in order: ``trial_id``, each number of its ``EpochRecord``, and ``gap``; no norms by layer."""
    numbers = [field.name for field in fields(EpochRecord) if field.name != "gradients"]
    columns = ["trial_id", *numbers, "gap"]
    rows = [(t.trial_id, *(getattr(e, name) for name in columns[1:])) for t in trials for e in t.epochs]
    return pd.DataFrame(rows, columns=columns)


def predictions(images: ImageSet, said: Predictions, classes: Sequence[str]) -> pd.DataFrame:
    """A row per image, as ``OpenStudy.predictions``."""
    names = np.array([*map(str, classes), None], dtype=object)
    return pd.DataFrame(
        {
            "image": images.names or np.arange(len(images.labels)),
            "hash": [f"{value:016x}" for value in images.hashes],
            "label": names[images.labels],
            "predicted": names[said.classes],
            "probability": said.confidences,
        }
    )
