"""What stopping saved, told from the ledger's records."""

from typing import Any

from hand_made import make_epoch, make_trial

from fitscape.study.config import StudyConfig
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.search.audit import Audit
from fitscape.study.search.savings import Savings, savings
from fitscape.study.search.space import resolve


def study(schedule: str = "constant") -> StudyConfig:
    return StudyConfig.model_validate(
        {
            "name": "s",
            "base": {"optimization": {"schedule": schedule, "epochs": 10}},
            "space": {"width": {"low": 0.125, "high": 1.0}},
            "stopping": {"enabled": True},
        }
    )


def trial(width: float, epochs: int, state: TrialState, **extra: Any) -> TrialRecord:
    curve = [make_epoch(0.5, 0.6, epoch=epoch + 1) for epoch in range(epochs)]
    hyperparameters = {"width": width, "epochs": 10, "schedule": "constant"}
    return make_trial(hyperparameters, *curve, state=state, extra=extra)


def test_only_stopped_trials_save_epochs() -> None:
    trials = [
        trial(0.2, 10, TrialState.FINISHED),
        trial(0.3, 4, TrialState.STOPPED, predicted={"labelled": True}),
        trial(0.4, 6, TrialState.STOPPED, predicted={"labelled": False}),
        trial(0.5, 2, TrialState.DIVERGED),
        trial(0.6, 3, TrialState.FAILED),
    ]
    saved = savings(study(), resolve(study()), trials, 0.9)
    assert saved is not None
    assert (saved.trials, saved.stopped, saved.unlabelled) == (4, 2, 1)
    assert (saved.epochs, saved.full) == (22, 32)
    assert saved.text.startswith(
        "2 of 4 trials were stopped early, 1 of them without a label, 31 % of the epochs saved; "
    )


def test_where_stopping_cannot_be_trusted_there_is_nothing_to_tell() -> None:
    assert savings(study("one_cycle"), resolve(study()), [], 0.9) is None


def test_without_a_stopped_trial_it_says_so() -> None:
    assert Savings(3, 0, 0, 30, 30, Audit(0, 0, 0, 0.98)).text == "none of 3 trials was stopped early"
