"""What helps, over a study."""

import numpy as np
from hand_made import make_trial, noisy_epoch

from fitscape.study.findings import Context, Verdict
from fitscape.study.findings.recommendation import what_helps
from fitscape.study.records import TrialRecord

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
