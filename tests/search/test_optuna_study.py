"""What a sampler is told of the ledger's trials."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import make_epoch, make_trial
from optuna.trial import TrialState as OptunaState

from fitscape.study.config import SearchConfig, StudyConfig
from fitscape.study.maps.regime_map import outcomes_of
from fitscape.study.records import TrialState
from fitscape.study.search import Asker
from fitscape.study.search.optuna_study import attributes, build_study, measured, outcome
from fitscape.study.search.space import resolve
from fitscape.study.search.stopping import Decision

STUDY = StudyConfig(name="s", space={"width": {"low": 0.125, "high": 1.0}}, search=SearchConfig(sampler="regime"))
EARLY = make_epoch(0.6, 0.62, epoch=2)


def decision(*errors: tuple[float, float]) -> Decision:
    return Decision("overfit", 0.97, 2, 10, np.array(errors).reshape(-1, 2))


def stopped(extra: dict[str, Any]) -> Any:
    return make_trial({"width": 0.5}, EARLY, state=TrialState.STOPPED, extra=extra)


def test_of_a_stopped_trial_the_forecast_is_told_and_not_where_it_stood() -> None:
    forecast = decision((0.02, 0.3), (0.03, 0.32), (0.01, 0.35)).outcome()
    trial = stopped({"predicted": {"label": "overfit", "probability": 0.97, **forecast}})
    assert outcome(trial) == (OptunaState.COMPLETE, [forecast["train_error"], forecast["val_error"]])
    told = attributes(trial)
    assert (told["train_sd"], told["val_sd"]) == (forecast["train_sd"], forecast["val_sd"])
    assert told["diverged"] is False
    assert "val_n" not in told, "no image was counted for a forecast"


def test_a_replayed_stopped_trial_tells_the_sampler_what_the_living_one_did() -> None:
    trial = stopped(
        {"predicted": {"label": "overfit", "probability": 0.97, **decision((0.02, 0.3), (0.03, 0.4)).outcome()}}
    )
    asker = Asker(STUDY, chance_error=0.9)
    suggestion = asker.ask()
    assert suggestion is not None
    lived = make_trial(suggestion.hyperparameters, EARLY, state=TrialState.STOPPED, extra=trial.extra)
    asker.tell(lived)
    (alive,) = asker._source._study.trials  # type: ignore[union-attr]
    (replayed,) = build_study([lived], resolve(STUDY)).trials
    assert (alive.state, alive.values, alive.user_attrs) == (replayed.state, replayed.values, replayed.user_attrs)


def test_a_forecast_of_divergence_is_told_as_divergence() -> None:
    trial = stopped({"predicted": {"label": "diverged", "probability": 0.98, **decision().outcome()}})
    assert outcome(trial) == (OptunaState.FAIL, None)
    assert attributes(trial)["diverged"] is True


@pytest.mark.parametrize("extra", [{}, {"predicted": {"label": "good"}}])
def test_a_stopped_trial_without_its_forecast_says_nothing(extra: dict[str, Any]) -> None:
    assert measured(stopped(extra)) is None
    assert outcome(stopped(extra)) == (OptunaState.FAIL, None)
    assert attributes(stopped(extra))["diverged"] is False


def test_the_realised_share_of_flipped_labels_goes_along() -> None:
    trial = make_trial({"width": 0.5, "label_noise": 0.2}, make_epoch(0.2, 0.3, flipped_n=368))
    assert attributes(trial)["flip_rate"] == 368 / 2000
    assert attributes(make_trial({"width": 0.5}, make_epoch(0.2, 0.3)))["flip_rate"] == 0


@pytest.mark.parametrize("state", [TrialState.FINISHED, TrialState.DIVERGED])
def test_an_end_that_is_no_number_is_a_divergence(state: TrialState) -> None:
    trial = make_trial({"width": 0.5}, make_epoch(0.2, 0.3, val_loss=math.inf), state=state)
    assert outcome(trial) == (OptunaState.FAIL, None)
    assert attributes(trial)["diverged"] is True


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.RUNNING, TrialState.PENDING])
def test_what_has_not_ended_by_itself_measures_nothing(state: TrialState) -> None:
    assert measured(make_trial({"width": 0.5}, EARLY, state=state)) is None


def test_a_map_takes_finished_stopped_and_diverged_trials_in_one_table() -> None:
    forecast = decision((0.02, 0.3), (0.03, 0.32)).outcome()
    trials = [
        make_trial({"width": 0.5}, make_epoch(0.2, 0.3)),
        stopped({"predicted": {"label": "overfit", "probability": 0.97, **forecast}}),
        make_trial({"width": 0.7}, EARLY, state=TrialState.DIVERGED),
    ]
    outcomes = outcomes_of(pd.DataFrame([measured(trial) for trial in trials]))
    assert outcomes.diverged.tolist() == [False, False, True]
    assert outcomes.val_n.tolist() == [2000, 0, 0]
    assert outcomes.val_sd.tolist() == [0, forecast["val_sd"], 0]
