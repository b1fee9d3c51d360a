"""Findings on early overfitting, planted and null."""

from dataclasses import replace

import numpy as np
import pytest
from hand_made import make_epoch, make_trial

from fitscape.study.findings import Context, Verdict
from fitscape.study.findings.early_overfit import early_overfit
from fitscape.study.records import LatePair, TrialRecord

CONTEXT = Context(classes=10, chance_error=0.9)
EPOCHS = 16
LATE = LatePair(
    best_epoch=3, last_epoch=EPOCHS, best_losses=(0.5,), last_losses=(0.5,), best_errors=(False,), last_errors=(False,)
)


def study(
    rng: np.random.Generator, rise: float, *, sd: float = 0.02, trials: int = 12, drawn: bool = False
) -> list[TrialRecord]:
    """Losses fall, and rise by ``rise`` from the sixth epoch to the last, fluctuating by ``sd``; errors only fall.

    ``drawn``: one seed of configurations that were drawn, each at its own level; else seeds of one.
    """
    time = np.arange(1, EPOCHS + 1)
    course = 0.6 * np.exp(-time) + np.log1p(rise) * np.clip(time - 6, 0, None) / (EPOCHS - 6)
    made = []
    for i in range(trials):
        losses = 0.5 * np.exp(course + sd * rng.standard_normal(EPOCHS) + 0.3 * drawn * rng.standard_normal())
        records = [
            make_epoch(0.0, 0.1 + 0.3 / t, epoch=int(t), val_loss=loss, val_loss_a=loss, val_loss_b=loss)
            for t, loss in zip(time, losses, strict=True)
        ]
        hyperparameters = {"lr": 0.1 * 1.1**i} if drawn else {"seed": i}
        made.append(make_trial(hyperparameters, *records, late=LATE, origin="sobol" if drawn else "grid"))
    return made


@pytest.mark.parametrize("drawn", [False, True])
def test_a_planted_rise_of_the_loss_is_found_and_the_error_is_cleared(drawn: bool) -> None:
    loss, error = early_overfit(study(np.random.default_rng(0), 0.4, drawn=drawn), {}, CONTEXT)
    assert loss.verdict is Verdict.SUPPORTED
    assert loss.low > 0
    assert loss.estimate == pytest.approx(0.4, abs=0.1)
    assert "Stopping earlier would have helped the loss." in loss.sentence
    assert error.verdict is Verdict.CONTRADICTED
    assert "Stopping earlier" not in error.sentence
    assert f"the error changes by {100 * error.estimate:+.1f} points from the epoch" in error.explanation
    assert loss.counted == ("configurations" if drawn else "runs")


def test_a_falling_loss_contradicts_the_claim() -> None:
    loss, _ = early_overfit(study(np.random.default_rng(0), -0.2), {}, CONTEXT)
    assert loss.verdict is Verdict.CONTRADICTED
    assert "no rise of the validation loss after the best epoch of 0.1 or more" in loss.sentence


def test_trials_that_disagree_leave_it_undecided() -> None:
    loss, _ = early_overfit(study(np.random.default_rng(2), 0.05, sd=0.3, trials=5), {}, CONTEXT)
    assert loss.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("sd", [0.05, 0.2])
def test_a_curve_that_only_fluctuates_is_no_rise(sd: float) -> None:
    rng = np.random.default_rng(0)
    alarms = [early_overfit(study(rng, 0.0, sd=sd), {}, CONTEXT)[0].verdict is Verdict.SUPPORTED for _ in range(120)]
    assert np.mean(alarms) <= 0.05


def test_a_rise_of_just_the_margin_is_not_denied() -> None:
    rng = np.random.default_rng(0)
    denied = [early_overfit(study(rng, 0.1), {}, CONTEXT)[0].verdict is Verdict.CONTRADICTED for _ in range(120)]
    assert np.mean(denied) <= 0.05


def test_without_late_pairs_nothing_is_said() -> None:
    assert early_overfit([make_trial({"seed": s}, make_epoch(0, 0.1)) for s in range(9)], {}, CONTEXT) == []


def test_curves_of_fewer_than_four_epochs_are_not_judged() -> None:
    trials = study(np.random.default_rng(0), 0.4)
    assert early_overfit([replace(t, epochs=t.epochs[:3]) for t in trials], {}, CONTEXT) == []
    assert len(early_overfit([replace(t, epochs=t.epochs[:4]) for t in trials], {}, CONTEXT)) == 2
