"""What helps, over a study."""

import numpy as np
import pytest
import statsmodels.api as sm
from hand_made import make_epoch, make_trial, noisy_epoch
from scipy.special import logit
from scipy.stats import t as student

from fitscape.study.findings import Context, Verdict
from fitscape.study.findings.recommendation import what_helps
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import rate

CONTEXT = Context(classes=10, chance_error=0.9)
LIMITS = {"train_fraction": (0.05, 1.0), "width": (0.125, 2.0), "weight_decay": (1e-5, 1e-2)}


def study(rng: np.random.Generator, slopes: dict[str, float], trials: int = 60) -> list[TrialRecord]:
    made = []
    for _ in range(trials):
        hyperparameters = {d: float(np.exp(rng.uniform(*np.log(LIMITS[d])))) for d in LIMITS}
        shift = sum(slope * np.log(hyperparameters[d] / np.sqrt(np.prod(LIMITS[d]))) for d, slope in slopes.items())
        made.append(
            make_trial(hyperparameters, noisy_epoch(rng, 0.05, float(1 / (1 + np.exp(1.4 + shift)))), origin="sobol")
        )
    return made


def verdicts(trials: list[TrialRecord]) -> dict[str, Verdict]:
    return {f.claim.split(": ")[1].split(" helps")[0]: f.verdict for f in what_helps(trials, {}, CONTEXT)}


def test_what_was_planted_to_help_is_found_and_what_harms_is_not() -> None:
    found = verdicts(study(np.random.default_rng(0), {"train_fraction": 0.5, "weight_decay": -0.2}))
    assert found["more data"] is Verdict.SUPPORTED
    assert found["more regularization"] is Verdict.CONTRADICTED


def test_moves_that_do_nothing_are_rarely_said_to_help() -> None:
    rng = np.random.default_rng(0)
    alarms = [v is Verdict.SUPPORTED for _ in range(100) for v in verdicts(study(rng, {}, 24)).values()]
    assert np.mean(alarms) <= 0.05


def test_too_few_trials_say_nothing() -> None:
    assert what_helps(study(np.random.default_rng(0), {}, 8), {}, CONTEXT) == []


def test_a_weight_decay_of_zero_is_no_number_of_decades_away() -> None:
    """Half a logit per decade from 1e-5 to 1e-2; without weight decay the nets stand where they stand."""
    rng = np.random.default_rng(0)
    trials = []
    for decay in (0.0, 1e-5, 1e-4, 1e-3, 1e-2):
        logit = -0.5 if decay == 0 else -0.5 * (np.log10(decay) + 5)
        error = float(1 / (1 + np.exp(1.4 - logit)))
        for seed in range(8):
            epoch = noisy_epoch(rng, 0.05, error, val_n=20_000, val_sd=0.05)
            trials.append(make_trial({"weight_decay": decay, "lr": 0.1 * 1.01**seed}, epoch, origin="sobol"))
    (found,) = what_helps(trials, {}, CONTEXT)
    assert "more regularization" in found.claim
    assert found.estimate == pytest.approx(0.5, abs=0.03)


def test_errors_are_robust_against_unequal_spread() -> None:
    """HC3: where the spread grows with the hyperparameter, plain least squares is too sure."""
    rng = np.random.default_rng(1)
    trials = []
    for width in np.geomspace(0.125, 2.0, 40):
        spread = 0.05 if width < 1 else 1.5
        error = float(1 / (1 + np.exp(1.4 + rng.normal(0, spread))))
        trials.append(make_trial({"width": float(width)}, make_epoch(0.05, error, val_n=10**6), origin="sobol"))
    (found,) = what_helps(trials, {}, CONTEXT)
    y = logit([rate(t.last.val_error, t.last.val_n) for t in trials if t.last])
    x = sm.add_constant(np.log2([t.config.model.width for t in trials]))
    fit = sm.OLS(y, x).fit()
    half = (found.high - found.low) / 2
    assert half == pytest.approx(student.ppf(0.975, 38) * fit.HC3_se[1], rel=1e-6)
    assert half > 1.2 * student.ppf(0.975, 38) * fit.bse[1]
