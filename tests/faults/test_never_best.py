"""Row 4 at the sampler: what diverged or failed is told as FAIL, and is never among the best."""

import math

import optuna
from hand_made import make_epoch, make_trial

from fitscape.study.records import TrialState
from fitscape.study.search.optuna_study import build_study

SPACE = {"lr": optuna.distributions.FloatDistribution(0.01, 1.0)}
NAN = math.nan


def test_neither_nan_nor_a_failure_is_ever_best() -> None:
    trials = [
        make_trial({"lr": 0.1}, make_epoch(0.3, 0.4)),
        make_trial({"lr": 0.9}, make_epoch(0.0, 0.0), make_epoch(NAN, NAN), state=TrialState.DIVERGED),
        make_trial({"lr": 0.5}, make_epoch(0.0, 0.0), state=TrialState.FAILED),
        make_trial({"lr": 0.6}, make_epoch(0.0, NAN)),
        make_trial({"lr": 0.7}, make_epoch(0.0, math.inf)),
    ]
    study = build_study(trials, SPACE, classes=10)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", "FAIL", "FAIL", "FAIL"]
    assert [trial.params["lr"] for trial in study.best_trials] == [0.1]
    # Like its label and the map: an end that is no number is a divergence, a failure is nothing.
    assert [trial.user_attrs["diverged"] for trial in study.trials] == [False, True, False, True, True]
