"""One record, read by either metric."""

import numpy as np
import pytest
from hand_made import make_epoch, make_trial

from fitscape.study.config import RegimeThresholds
from fitscape.study.measures.metric import judged, read
from fitscape.study.records import EpochRecord, Regime
from fitscape.study.regimes import label_all

BALANCED = {
    "train_balanced_error": 0.01,
    "train_balanced_n": 800.4,
    "val_balanced_error": 0.4,
    "val_balanced_n": 150.6,
    "val_balanced_error_a": 0.41,
    "val_balanced_error_b": 0.39,
}


def epoch(**given: float) -> EpochRecord:
    return make_epoch(0.01, 0.05, val_n=2000, val_n_a=1000, **{**BALANCED, **given})


def test_the_plain_error_of_single_images_is_the_record_itself() -> None:
    trial = make_trial({}, epoch())
    assert judged(trial, "error") is trial


def test_the_balanced_error_stands_in_for_the_plain_one_with_its_own_number_of_images() -> None:
    found = read(epoch(), "balanced_error")
    assert (found.train_error, found.train_n, found.val_error, found.val_n) == (0.01, 800, 0.4, 151)
    assert (found.val_error_a, found.val_error_b) == (0.41, 0.39)
    assert found.halves == (76, 75)


def test_groups_make_the_plain_error_worth_fewer_images() -> None:
    found = read(epoch(val_effective_n=80.2), "error")
    assert (found.val_error, found.val_n, found.halves) == (0.05, 80, (40, 40))


def test_a_record_of_an_earlier_release_is_read_as_it_is() -> None:
    record = make_epoch(0.1, 0.2)
    assert read(record, "balanced_error") is record


@pytest.mark.parametrize(("metric", "regime"), [("error", Regime.GOOD), ("balanced_error", Regime.OVERFIT)])
def test_a_net_that_fails_on_rare_classes_is_good_by_one_metric_and_overfit_by_the_other(
    metric: str, regime: Regime
) -> None:
    fair = {"train_balanced_error": 0.01, "val_balanced_error": 0.1, "val_balanced_n": 400.0}
    halves = {"val_balanced_error_a": 0.1, "val_balanced_error_b": 0.1}
    trials = [make_trial({"width": 0.5, "seed": seed}, epoch()) for seed in range(3)]
    trials += [make_trial({"width": 1.0, "seed": seed}, epoch(**fair, **halves)) for seed in range(3)]
    told = label_all(
        [judged(trial, metric) for trial in trials],  # type: ignore[arg-type]
        RegimeThresholds(),
        classes=10,
        chance_error=0.6 if metric == "error" else 0.9,
    )
    assert told[0].regime_set[0] is regime
    assert np.isfinite(told[0].train_excess)
