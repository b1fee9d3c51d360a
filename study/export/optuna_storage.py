"""Trials as an Optuna SQLite storage, the file that optuna-dashboard opens."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.opened import OpenStudy
from fitscape.study.records import Label, TrialRecord, TrialState
from fitscape.study.search.optuna_study import DIRECTIONS, attributes, outcome
from fitscape.study.search.space import Space


def write(study: OpenStudy, to: Path) -> None:
    """One Optuna study named as ours: every trial with its state, (train_error, val_error) and user attributes.

    Unlike the study that a sampler is told (search/replay.py), it holds the trials outside the space too: of
    those, the hyperparameters that do lie in the space are parameters, and the attribute ``outside`` names the others.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{to}")
    # Nobody reads the file before it is whole: waiting for the disk at each trial would double the time.
    sqlalchemy.event.listen(storage.engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
    storage.engine.dispose()
    try:
        made = optuna.create_study(study_name=study.config.name, storage=storage, directions=DIRECTIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names(["train_error", "val_error"])
        made.add_trials(_frozen(trial, study.labels, study.space, study.classes) for trial in study.trials)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _frozen(trial: TrialRecord, labels: Mapping[str, Label], space: Space, classes: int) -> FrozenTrial:
    flat = {**trial.config.flat(), "architecture": trial.config.model.name}
    inside = {name: flat[name] for name in space if _holds(space, name, flat[name])}
    state, values = outcome(trial)
    label = labels.get(trial.trial_id)
    regime = {"regime": label.regime.value, "regime_probability": label.probability} if label else {}
    outside = [name for name in space if name not in inside]
    told = {**attributes(trial, classes), **regime, **({"outside": outside} if outside else {}), "config": flat}
    return optuna.trial.create_trial(
        state=OptunaState.WAITING if trial.state is TrialState.PENDING else state,
        values=values,
        params=inside,
        distributions={name: space[name] for name in inside},
        user_attrs=told,
    )


def _holds(space: Space, name: str, value: Any) -> bool:
    distribution = space[name]
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return value is not None and distribution._contains(value)
