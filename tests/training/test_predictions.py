"""What a trial says of each validation image when it ends."""

from collections.abc import Callable

import numpy as np

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial


def test_a_trial_that_has_ended_says_what_its_last_record_counts(
    digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    *earlier, last = run_trial(tiny(epochs=2), digits, settings=Settings())
    assert all(progress.predictions is None for progress in earlier)
    assert last.predictions is not None
    wrong = last.predictions.classes != digits.val_labels.numpy()
    assert wrong.mean() == last.record.val_error
    assert wrong[digits.val_half.numpy()].mean() == last.record.val_error_a
    assert (last.predictions.confidences > 0.09).all()
    assert (last.predictions.confidences <= 1).all()


def test_a_trial_that_diverges_names_no_class(digits: TrialData, tiny: Callable[..., TrialConfig]) -> None:
    *_, last = run_trial(
        tiny(family="plain", norm="none", lr=100.0, schedule="constant", epochs=5), digits, settings=Settings()
    )
    assert last.diverged
    assert last.predictions is not None
    assert np.mean(last.predictions.classes != digits.val_labels.numpy()) == last.record.val_error
    nameless = last.predictions.classes == len(digits.classes)
    assert nameless.any()
    assert (last.predictions.confidences[nameless] == 0).all()
