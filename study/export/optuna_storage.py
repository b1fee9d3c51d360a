"""Trials as an Optuna SQLite storage, the file that optuna-dashboard opens."""

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.errors import UserError
from fitscape.study.opened import OpenStudy
from fitscape.study.records import Label, TrialRecord, TrialState
from fitscape.study.search.optuna_study import DIRECTIONS, attributes, outcome
from fitscape.study.search.space import Space, holds, snapped

UID = "fitscape_uid"  # user attribute of the Optuna study: whose export it is


def write(study: OpenStudy, to: Path) -> None:
    """One Optuna study named as ours: every trial with its state, times, (train_error, val_error), validation error by
    epoch and user attributes.

    Unlike the study that a sampler sees (search/optuna_study.py), it holds the trials outside the space too: of
    those, the hyperparameters that do lie in the space are parameters, and the attribute ``outside`` names the others.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _opened(to) as storage:
        # Nobody reads the file before it is whole: waiting for the disk at each trial would double the time.
        sqlalchemy.event.listen(storage.engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
        storage.engine.dispose()
        _fill(storage, study, _trials(study))


def add(study: OpenStudy, to: Path, *, overwrite: bool = False) -> None:
    """The same, as one more study of a storage that is there. Others may be writing to it.

    Args:
        overwrite: replace what an earlier export of this very study has put there.

    Raises:
        UserError: the storage has another study of this name, or cannot be written; what was added by then is
            taken out again.
    """
    name, where = study.config.name, str(to)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        trials = _trials(study)  # before anything is touched
        with _opened(to) as storage:
            there = {s.study_name: s for s in storage.get_all_studies()}.get(name)
            if there is not None:
                if not overwrite or there.user_attrs.get(UID) != study.ledger.uid:
                    fix = "name another file, or delete that study (optuna delete-study)"
                    raise UserError(f"has a study '{name}' already", where=where, fix=fix)
                storage.delete_study(there._study_id)
            _fill(storage, study, trials)
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        what = f"cannot be written: {' '.join(str(error).split())[:200]}"
        raise UserError(what, where=where, fix="is another program writing it, or another version of Optuna?") from None


def _trials(study: OpenStudy) -> list[FrozenTrial]:
    return [_frozen(trial, study.labels, study.space, study.classes) for trial in study.trials]


def _fill(storage: optuna.storages.RDBStorage, study: OpenStudy, trials: list[FrozenTrial]) -> None:
    """Add the study, whole or not at all."""
    made = optuna.create_study(study_name=study.config.name, storage=storage, directions=DIRECTIONS)
    try:
        made.set_user_attr(UID, study.ledger.uid)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names(["train_error", "val_error"])
        made.add_trials(trials)
    except BaseException:
        storage.delete_study(made._study_id)
        raise


@contextmanager
def _opened(file: Path) -> Iterator[optuna.storages.RDBStorage]:
    storage = optuna.storages.RDBStorage(sqlalchemy.URL.create("sqlite", database=str(file)).render_as_string())
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _frozen(trial: TrialRecord, labels: Mapping[str, Label], space: Space, classes: int) -> FrozenTrial:
    flat = {"architecture": trial.config.model.name, **trial.config.flattened}
    snap = {name: snapped(flat[name], space[name]) for name in space}
    inside = {name: value for name, value in snap.items() if holds(space[name], value)}
    state, values = outcome(trial)
    label = labels.get(trial.trial_id)
    regime = (
        {
            "regime": label.regime.value,
            "regime_set": [one.value for one in label.regime_set],
            "regime_probability": label.probability,
        }
        if label
        else {}
    )
    shown = trial.config.shown() if trial.config.model.read else flat
    outside = [name for name in space if name not in inside]
    told = {**attributes(trial, classes), **regime, **({"outside": outside} if outside else {}), "config": shown}
    frozen = optuna.trial.create_trial(
        state=OptunaState.WAITING if trial.state is TrialState.PENDING else state,
        values=values,
        params=inside,
        distributions={name: space[name] for name in inside},
        user_attrs=told,
        intermediate_values={e.epoch: e.val_error for e in trial.epochs if math.isfinite(e.val_error)},
    )
    if frozen.datetime_start is not None and trial.started_at is not None:
        frozen.datetime_start = datetime.fromtimestamp(trial.started_at)  # Optuna's times are local and naive
    if frozen.datetime_complete is not None and trial.ended_at is not None:
        frozen.datetime_complete = datetime.fromtimestamp(trial.ended_at)
    return frozen
