"""Findings on early overfitting, planted and null."""

import numpy as np
from hand_made import make_epoch, make_trial

from fitscape.study.findings import Context, Verdict
from fitscape.study.findings.early_overfit import early_overfit
from fitscape.study.records import LatePair, TrialRecord

CONTEXT = Context(classes=10, chance_error=0.9)
IMAGES = 100


def study(rng: np.random.Generator, rise: float, *, sd: float = 0.05, trials: int = 12) -> list[TrialRecord]:
    """Losses rise by ``rise`` of the best on average, each trial's own rise apart; errors stay."""
    made = []
    for seed in range(trials):
        best = rng.exponential(0.4, IMAGES)
        last = best * np.exp(rise + sd * rng.standard_normal() - sd**2 / 2) * rng.lognormal(-0.005, 0.1, IMAGES)
        wrong = tuple(bool(x) for x in best > 0.9)
        late = LatePair(
            best_epoch=3,
            last_epoch=10,
            best_losses=tuple(best),
            last_losses=tuple(last),
            best_errors=wrong,
            last_errors=wrong,
        )
        made.append(make_trial({"seed": seed}, make_epoch(0.0, 0.1), late=late))
    return made


def test_a_planted_rise_of_the_loss_is_found_and_the_error_is_cleared() -> None:
    loss, error = early_overfit(study(np.random.default_rng(0), 0.4), {}, CONTEXT)
    assert loss.verdict is Verdict.SUPPORTED
    assert loss.low > 0
    assert "loss" in loss.claim
    assert error.verdict is Verdict.CONTRADICTED


def test_a_falling_loss_contradicts_the_claim() -> None:
    loss, _ = early_overfit(study(np.random.default_rng(0), -0.2), {}, CONTEXT)
    assert loss.verdict is Verdict.CONTRADICTED


def test_trials_that_disagree_leave_it_undecided() -> None:
    loss, _ = early_overfit(study(np.random.default_rng(1), 0.05, sd=0.5, trials=5), {}, CONTEXT)
    assert loss.verdict is Verdict.UNDECIDED


def test_false_alarms_without_a_rise_are_nominal() -> None:
    rng = np.random.default_rng(0)
    alarms = [early_overfit(study(rng, 0.0, sd=0.3), {}, CONTEXT)[0].verdict is Verdict.SUPPORTED for _ in range(120)]
    assert np.mean(alarms) <= 0.05


def test_without_late_pairs_nothing_is_said() -> None:
    assert early_overfit([make_trial({"seed": s}, make_epoch(0, 0.1)) for s in range(9)], {}, CONTEXT) == []
