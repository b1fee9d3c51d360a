"""What a sampler is told of the ledger's trials."""

import math

import optuna
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

STUDY = StudyConfig(name="s", space={"width": {"low": 0.125, "high": 1.0}}, search=SearchConfig(sampler="regime"))
EARLY = make_epoch(0.6, 0.62, epoch=2)


def test_the_realised_share_of_flipped_labels_goes_along() -> None:
    trial = make_trial({"width": 0.5, "label_noise": 0.2}, make_epoch(0.2, 0.3, flipped_n=368))
    assert attributes(trial, 10)["flip_rate"] == 368 / 2000
    assert attributes(make_trial({"width": 0.5}, make_epoch(0.2, 0.3)), 10)["flip_rate"] == 0


@pytest.mark.parametrize("state", [TrialState.FINISHED, TrialState.DIVERGED])
def test_an_end_that_is_no_number_is_a_divergence(state: TrialState) -> None:
    trial = make_trial({"width": 0.5}, make_epoch(0.2, 0.3, val_loss=math.inf), state=state)
    assert outcome(trial) == (OptunaState.FAIL, None)
    assert attributes(trial, 10)["diverged"] is True


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.STOPPED, TrialState.RUNNING, TrialState.PENDING])
def test_what_has_not_ended_by_itself_measures_nothing(state: TrialState) -> None:
    assert measured(make_trial({"width": 0.5}, EARLY, state=state), 10) is None


def test_a_map_takes_finished_and_diverged_trials_in_one_table() -> None:
    trials = [
        make_trial({"width": 0.5}, make_epoch(0.2, 0.3)),
        make_trial({"width": 0.7}, EARLY, state=TrialState.DIVERGED),
    ]
    outcomes = outcomes_of(pd.DataFrame([measured(trial, 10) for trial in trials]))
    assert outcomes.diverged.tolist() == [False, True]
    assert outcomes.val_n.tolist() == [2000, 0]


def test_a_replayed_trial_tells_the_sampler_what_the_living_one_did() -> None:
    asker = Asker(STUDY, chance_error=0.9)
    suggestion = asker.ask()
    assert suggestion is not None
    lived = make_trial(suggestion.hyperparameters, make_epoch(0.1, 0.2))
    asker.tell(lived)
    asker.ask()  # which learns what was told
    alive, *_ = asker._source._sampler._study.trials  # type: ignore[attr-defined]
    (replayed,) = build_study([lived], resolve(STUDY), classes=10).trials
    assert (alive.state, alive.values, alive.user_attrs) == (replayed.state, replayed.values, replayed.user_attrs)


def test_making_a_study_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    build_study([], {}, classes=10)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
