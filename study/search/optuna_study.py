"""The ledger's trials as an Optuna study: what an adaptive sampler learns from, and what can be exported.

Two directions, minimize (train_error, val_error). A diverged or failed trial is FAIL, so that it can
never be best; ``user_attrs["diverged"]`` says which of the two it was. (A NaN as COMPLETE would raise and
leave the trial RUNNING for ever.) A trial that 0.1.0 stopped early counts for nothing: its last errors are not its end.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import final_record, flip_rate
from fitscape.study.search.reported_errors import DIVERGED, ERRORS
from fitscape.study.search.space import Space, point_of

COUNTED = (*ERRORS, "train_n", "val_n")
DIRECTIONS = (optuna.study.StudyDirection.MINIMIZE,) * 2


def build_study(
    trials: Iterable[TrialRecord],
    space: Space,
    *,
    classes: float,
    sampler: BaseSampler | None = None,
    storage: str | optuna.storages.BaseStorage | None = None,
    name: str | None = None,
) -> optuna.Study:
    """A study that has every trial once; unfinished ones are RUNNING.

    A trial outside the space (an enqueued point, say) is left out: Optuna has no place for it.
    """
    with quiet():
        study = optuna.create_study(directions=DIRECTIONS, sampler=sampler, storage=storage, study_name=name)
    for trial in trials:
        frozen = freeze(trial, space, classes)
        if frozen is not None:
            study.add_trial(frozen)
    return study


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna would print a line about a study that its user has not asked for."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def freeze(trial: TrialRecord, space: Space, classes: float) -> FrozenTrial | None:
    """One trial as Optuna sees it; None where it lies outside the space."""
    point = point_of(trial.config, space)
    if point is None or not all(holds(space[name], value) for name, value in point.items()):
        return None
    state, values = outcome(trial)
    return optuna.trial.create_trial(
        state=state, values=values, params=point, distributions=dict(space), user_attrs=attributes(trial, classes)
    )


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Whether Optuna takes the value for one of the distribution's."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return value is not None and bool(distribution._contains(value))


def measured(trial: TrialRecord, classes: float) -> dict[str, Any] | None:
    """The outcome columns of :meth:`study.maps.RegimeMap.fit` that one trial gives; None where it gives none.

    A finished trial gives its last errors with the images behind them, a diverged one the flag. ``flip_rate`` is
    the share of wrong training labels (``study.regimes.rule.flip_rate``); ``label_noise`` is a hyperparameter.
    """
    if trial.state not in (TrialState.FINISHED, TrialState.DIVERGED):
        return None
    last = final_record(trial)
    told = dict.fromkeys(ERRORS, float("nan")) if last is None else {name: getattr(last, name) for name in COUNTED}
    return {**told, DIVERGED: last is None, "flip_rate": flip_rate(trial.config, trial.last, classes)}


def outcomes(trials: Iterable[TrialRecord], space: Space, classes: float) -> list[dict[str, Any]]:
    """A row for each trial inside the space that finished or diverged: its point, its id and ``measured``."""
    rows = []
    for trial in trials:
        point, told = point_of(trial.config, space), measured(trial, classes)
        if point is not None and told is not None:
            rows.append({**point, "trial_id": trial.trial_id, **told})
    return rows


def outcome(trial: TrialRecord) -> tuple[OptunaState, list[float] | None]:
    """Optuna's state and values of a trial."""
    if not trial.state.terminal:
        return OptunaState.RUNNING, None
    last = final_record(trial)
    if last is None:
        return OptunaState.FAIL, None
    return OptunaState.COMPLETE, [last.train_error, last.val_error]


def attributes(trial: TrialRecord, classes: float) -> dict[str, Any]:
    """What goes with a trial into Optuna: ids, and what the errors rest on."""
    behind = {name: value for name, value in (measured(trial, classes) or {}).items() if name not in ERRORS}
    return {
        "trial_id": trial.trial_id,
        "state": str(trial.state),
        "seed": trial.config.seed,
        DIVERGED: False,
        **behind,
    }
