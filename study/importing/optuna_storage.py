"""The trials of an Optuna study: of a SQLite file, a database, or a journal."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from fitscape.study.errors import UserError
from fitscape.study.importing.runs import Hint, Run, Runs, listed, number, require_readable

_STATES: Final = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "running",
}


def read(uri: str, where: str, study: str | None) -> Runs:
    """Every trial of one study, with its values, user attributes and, where it reported some, intermediate values.

    Args:
        uri: a database's, or the path of a journal.
        where: the same as it may be shown.
        study: its name; None: the only one that there is.

    Raises:
        UserError: the storage cannot be read, or has no such study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with _opened(uri) as storage:
            names = optuna.get_all_study_names(storage)
            if study is None and len(names) == 1:
                study = names[0]
            if study is None or study not in names:
                what = "has no study" if not names else f"has no study '{study}'" if study else "has several studies"
                fix = f"name one with --experiment: {listed(names)}" if names else "is it the storage you mean?"
                raise UserError(what, where=where, fix=fix)
            found = optuna.load_study(study_name=study, storage=storage)
            require_readable(where, runs=storage.get_n_trials(found._study_id))
            names_of_values = found.metric_names or _names(len(found.directions))
            trials = found.get_trials(deepcopy=False)
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError, OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        text = " ".join(str(error).split())[:200]
        raise UserError(
            f"cannot be read: {text}", where=where, fix="is it an Optuna storage of this release?"
        ) from None
    runs = tuple(_run(trial, names_of_values) for trial in trials)
    return Runs(f"{where} study {study}", "Optuna study", runs, hints=_hints(trials))


@contextmanager
def _opened(uri: str) -> Iterator[optuna.storages.BaseStorage]:
    if "://" not in uri:
        backend = JournalFileBackend(str(Path(uri)))
        yield optuna.storages.JournalStorage(backend)
        return
    storage = optuna.storages.RDBStorage(uri, skip_table_creation=True)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _names(directions: int) -> list[str]:
    return ["value"] if directions == 1 else [f"values_{i}" for i in range(directions)]


def _run(trial: FrozenTrial, names: list[str]) -> Run:
    told = {key: value for key, value in trial.user_attrs.items() if number(value)}
    values = dict(zip(names, trial.values, strict=True)) if trial.values is not None else {}
    began, ended = trial.datetime_start, trial.datetime_complete
    state = trial.user_attrs.get("state")  # of an export of ours, which has more states than Optuna
    if trial.user_attrs.get("diverged") is True:
        state = "diverged"
    return Run(
        name=str(trial.number),
        params=trial.params | {name: trial.user_attrs[name] for name in ("seed",) if name in trial.user_attrs},
        rows=({**told, **values},) if told or values else (),
        state=state if state in ("stopped", "diverged") else _STATES[trial.state],
        started=began.timestamp() if began else None,
        ended=ended.timestamp() if ended else None,
    )


def _hints(trials: Iterable[FrozenTrial]) -> dict[str, Hint]:
    """Whole or real, log or not, as the latest trial's distribution says."""
    found: dict[str, Any] = {}
    for trial in trials:
        found |= trial.distributions
    return {
        name: Hint(whole=isinstance(d, IntDistribution), log=d.log)
        for name, d in found.items()
        if isinstance(d, IntDistribution | FloatDistribution)
    }
