"""Labels of stopped trials rest on the forecast that stopped them."""

import numpy as np
from hand_made import make_epoch, make_trial

from study.driver.labels import predicted_finals
from study.records import TrialState

PREDICTED = {"label": "good", "train_error": 0.02, "val_error": 0.1, "train_sd": 0.1, "val_sd": 0.2}


def test_draws_have_the_forecasts_median_and_spread() -> None:
    trial = make_trial({"seed": 1}, make_epoch(0.5, 0.5), state=TrialState.STOPPED, extra={"predicted": PREDICTED})
    draws = predicted_finals([trial])[trial.trial_id]
    assert draws.shape == (300, 2)
    assert np.allclose(np.median(draws, axis=0), [0.02, 0.1], rtol=0.1)
    assert np.allclose(np.log(draws / (1 - draws)).std(axis=0), [0.1, 0.2], rtol=0.15)
    assert np.array_equal(draws, predicted_finals([trial])[trial.trial_id]), "the same ledger gives the same labels"


def test_only_stopped_trials_with_a_forecast_of_errors_have_draws() -> None:
    finished = make_trial({"seed": 2}, make_epoch(0.5, 0.5), extra={"predicted": PREDICTED})
    diverging = make_trial(
        {"seed": 3}, make_epoch(0.5, 0.5), state=TrialState.STOPPED, extra={"predicted": {"label": "diverged"}}
    )
    assert predicted_finals([finished, diverging]) == {}
