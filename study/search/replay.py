"""The ledger's trials as an Optuna study: what an adaptive sampler is told, and what can be exported.

Two directions, minimize (train_error, val_error). A diverged or failed trial is told as FAIL, so that it can
never be best; ``user_attrs["diverged"]`` says which of the two it was. (A NaN told as COMPLETE would raise and
leave the trial RUNNING for ever.)
"""

import math
from collections.abc import Iterable
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from study.records import TrialRecord, TrialState
from study.search.space import Space, point_of

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


def outcome(trial: TrialRecord) -> tuple[OptunaState, list[float] | None]:
    """Optuna's state and values of a trial."""
    if not trial.state.terminal:
        return OptunaState.RUNNING, None
    last = trial.last
    if trial.state in (TrialState.FINISHED, TrialState.STOPPED) and last is not None:
        values = [last.train_error, last.val_error]
        if all(math.isfinite(v) for v in values):
            return OptunaState.COMPLETE, values
    return OptunaState.FAIL, None


def attributes(trial: TrialRecord) -> dict[str, Any]:
    """What goes with a trial into Optuna: ids, counts behind the errors, and the divergence flag."""
    last = trial.last
    return {
        "trial_id": trial.trial_id,
        "state": str(trial.state),
        "seed": trial.config.seed,
        "diverged": trial.state is TrialState.DIVERGED,
        **({"train_n": last.train_n, "val_n": last.val_n} if last else {}),
    }
