"""The ledger's trials as an Optuna study: what an adaptive sampler is told, and what can be exported.

Two directions, minimize (train_error, val_error). A diverged or failed trial is told as FAIL, so that it can
never be best; ``user_attrs["diverged"]`` says which of the two it was. (A NaN told as COMPLETE would raise and
leave the trial RUNNING for ever.) Of a trial that the stopping rule ended, the forecast of its end is told, never
the errors at the stop.
"""

from collections.abc import Iterable
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import final_record
from fitscape.study.search.space import Space, point_of

ERRORS = ("train_error", "val_error")
COUNTED = (*ERRORS, "train_n", "val_n")
FORECAST = (*ERRORS, "train_sd", "val_sd")
DIRECTIONS = (optuna.study.StudyDirection.MINIMIZE,) * 2


def build_study(
    trials: Iterable[TrialRecord],
    space: Space,
    *,
    sampler: BaseSampler | None = None,
    storage: str | optuna.storages.BaseStorage | None = None,
    name: str | None = None,
) -> optuna.Study:
    """A study that has been told every trial once; unfinished ones are RUNNING.

    A trial outside the space (an enqueued point, say) is left out: Optuna has no place for it.
    """
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler, storage=storage, study_name=name)
    for trial in trials:
        frozen = freeze(trial, space)
        if frozen is not None:
            study.add_trial(frozen)
    return study


def freeze(trial: TrialRecord, space: Space) -> FrozenTrial | None:
    """One trial as Optuna sees it; None where it lies outside the space."""
    point = point_of(trial.config, space)
    if point is None:
        return None
    state, values = outcome(trial)
    return optuna.trial.create_trial(
        state=state, values=values, params=point, distributions=dict(space), user_attrs=attributes(trial)
    )


def measured(trial: TrialRecord) -> dict[str, Any] | None:
    """The outcome columns of :meth:`study.maps.RegimeMap.fit` that one trial gives; None where it gives none.

    A finished trial gives its last errors with the images behind them, a diverged one the flag. A stopped trial
    gives the forecast that stopped it: median errors, and their deviation in logits instead of counts.
    ``flip_rate`` is the realised share of flipped labels in the train probe; ``label_noise`` is a hyperparameter.
    """
    if trial.state is TrialState.STOPPED:
        forecast = trial.extra.get("predicted", {})
        told = {name: float(forecast[name]) for name in FORECAST if name in forecast}
        diverged = bool(forecast.get("diverged"))
        if not diverged and len(told) < len(FORECAST):
            return None
    elif trial.state in (TrialState.FINISHED, TrialState.DIVERGED):
        last = final_record(trial)
        diverged = last is None
        told = {name: getattr(last, name) for name in COUNTED} if last is not None else {}
    else:
        return None
    if diverged:
        told = dict.fromkeys(ERRORS, float("nan"))
    seen = trial.last
    flips = seen.flipped_n / seen.train_n if seen is not None and seen.train_n else 0.0
    return {**told, "diverged": diverged, "flip_rate": flips}


def outcome(trial: TrialRecord) -> tuple[OptunaState, list[float] | None]:
    """Optuna's state and values of a trial."""
    if not trial.state.terminal:
        return OptunaState.RUNNING, None
    told = measured(trial)
    if told is None or told["diverged"]:
        return OptunaState.FAIL, None
    return OptunaState.COMPLETE, [told["train_error"], told["val_error"]]


def attributes(trial: TrialRecord) -> dict[str, Any]:
    """What goes with a trial into Optuna: ids, and what the errors rest on."""
    behind = {name: value for name, value in (measured(trial) or {}).items() if name not in ERRORS}
    return {
        "trial_id": trial.trial_id,
        "state": str(trial.state),
        "seed": trial.config.seed,
        "diverged": False,
        **behind,
    }
