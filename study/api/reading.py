"""``fitscape.read``: a study of runs that exist, from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fitscape.study import importing
from fitscape.study.api.study import Study
from fitscape.study.cli.options import ROOT
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.paths import expanded

if TYPE_CHECKING:
    import pandas as pd


def read(
    source: "str | Path | pd.DataFrame",
    name: str,
    root: str | Path = ROOT,
    *,
    train: str = "",
    val: str = "",
    val_n: int | str | None = None,
    train_n: int | str | None = None,
    classes: int | None = None,
    chance_error: float | None = None,
    epoch: str | None = None,
    params: Sequence[str] | None = None,
    seed: str | None = None,
    unit: importing.Unit | None = None,
    experiment: str | None = None,
    curves: bool = False,
    reference_error: float | None = None,
    guess: bool = False,
) -> Study:
    """Make the study ``root/name`` of the runs of a source, and open it.

    Args:
        source: an MLflow server or store, an Optuna storage, a Ray Tune folder, a table's file, or a DataFrame.
        train: key of the error, or accuracy, on training images.
        val: key of the error, or accuracy, on validation images.
        val_n: validation images behind it: a number, or the key of one.
        train_n: training images behind it: a number, or the key of one.
        classes: their number; a regime is measured against guessing.
        chance_error: error of guessing; None: of classes that are equally frequent.
        epoch: what counts epochs.
        params: keys of the hyperparameters.
        seed: key of the seed.
        unit: what is logged, where the keys' names do not say.
        experiment: MLflow's experiment or Optuna's study.
        curves: of MLflow, read every epoch.
        reference_error: validation error to measure against, of people for one; None: the best seen, estimated.
        guess: take what keys' names suggest where none is given; False: refuse, with the guess.

    Raises:
        UserError: nothing can be read, or keys were guessed and ``guess`` is False.
    """
    named = tuple(params) if params is not None else None
    asked = importing.Keys(train, val, train_n, val_n, epoch, named, seed=seed)
    runs, keys = importing.look(source, asked, experiment=experiment, curves=curves)
    if keys.guessed and not guess:
        found = ", ".join(f"{name}={getattr(keys, name)!r}" for name in keys.guessed)
        raise UserError(f"guessed {found}", where=runs.where, fix="name these, or say guess=True if they are right")
    facts = importing.DataSetFacts(classes, chance_error, reference_error)
    folder = importing.make(runs, keys, name, expanded(root), facts=facts, unit=unit)
    return Study.at(folder, ExitCode.DONE)
