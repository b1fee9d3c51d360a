"""Runs that exist, read into a study: from MLflow, Optuna, Ray Tune or a table. See :func:`read_study`."""

from pathlib import Path
from typing import TYPE_CHECKING

from fitscape.study.importing.keys import Keys, chosen
from fitscape.study.importing.runs import Run, Runs
from fitscape.study.importing.sources import MLFLOW, read
from fitscape.study.importing.study import DataSetFacts, make
from fitscape.study.importing.units import UNITS, Unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNITS", "DataSetFacts", "Keys", "Run", "Runs", "Unit", "look", "make"]


def look(
    source: "str | Path | pd.DataFrame", asked: Keys, *, experiment: str | None = None, curves: bool = False
) -> tuple[Runs, Keys]:
    """The runs of a source, and what its keys mean: as asked, else guessed.

    Args:
        curves: of MLflow, read the whole history of both errors.

    Raises:
        UserError: nothing can be read there, or the keys are not to be found.
    """
    runs = read(source, experiment=experiment, epoch=asked.epoch, params=asked.params)
    keys = chosen(runs, asked)
    if curves and runs.kind == MLFLOW:
        runs = read(source, experiment=experiment, curves=(keys.train, keys.val))
    return runs, keys
