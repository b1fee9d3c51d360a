"""Labels of stopped trials rest on the forecast that stopped them."""

from pathlib import Path

import numpy as np
from hand_made import make_epoch, make_trial

from fitscape.study.config import StudyConfig
from fitscape.study.driver.labels import predicted_finals, put_labels
from fitscape.study.ledger import Ledger
from fitscape.study.opened import open_study
from fitscape.study.records import Regime, TrialState

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


def test_a_trial_stopped_without_a_label_stays_undecided(tmp_path: Path) -> None:
    sure = {**PREDICTED, "val_error": 0.5, "train_error": 0.01, "train_sd": 0.05, "val_sd": 0.05}
    study = StudyConfig.model_validate({"name": "s", "regimes": {"reference_error": 0.05}})
    provenance = {"chance_error": 0.9, "data": {"classes": list("abcdefghij")}}
    with Ledger.create(tmp_path / "ledger.db", study, provenance) as ledger:
        ids = []
        for seed, labelled in enumerate((True, False)):
            trial = ledger.add_trial(study.base.with_hyperparameters({"seed": seed}), {"seed": seed}, "enqueue")
            ids.append(trial.trial_id)
            ledger.start_attempt(trial.trial_id, "here", "cpu")
            ledger.record_epoch(trial.trial_id, make_epoch(0.5, 0.5))
            ledger.end_trial(trial.trial_id, TrialState.STOPPED, predicted={**sure, "labelled": labelled})
    put_labels(open_study(tmp_path))
    labels = open_study(tmp_path).labels
    assert [labels[i].regime for i in ids] == [Regime.OVERFIT, Regime.UNDECIDED]
