"""Findings on random labels, planted and null."""

import numpy as np
from hand_made import make_trial, noisy_epoch

from fitscape.study.findings import Context, Finding, Verdict
from fitscape.study.findings.memorization import memorization
from fitscape.study.records import TrialRecord

CONTEXT = Context(classes=10, chance_error=0.89)


def study(
    rng: np.random.Generator,
    *,
    fitted: float = 0.001,
    fitted_with_decay: float = 0.004,
    at_noise: float = 0.9,
    clean: tuple[float, float] = (0.12, 0.08),
    seeds: int = 4,
) -> list[TrialRecord]:
    trials = []
    for seed in range(seeds):
        for decay, train, val in ((0.0, fitted, clean[0]), (5e-4, fitted_with_decay, clean[1])):
            hyperparameters = {"weight_decay": decay, "seed": seed}
            random = noisy_epoch(rng, train, at_noise, val_sd=0.05)
            trials.append(make_trial({**hyperparameters, "label_noise": 1.0}, random))
            trials.append(make_trial(hyperparameters, noisy_epoch(rng, 0.001, val, val_sd=0.05)))
    return trials


def verdicts(trials: list[TrialRecord]) -> dict[str, Verdict]:
    found: list[Finding] = memorization(trials, {}, CONTEXT)
    words = {"fit random labels": "fits", "at chance": "chance", "does not keep": "despite", "lowers": "helps"}
    return {
        words[w]: f.verdict for f in found for w in words if w in f.claim and not (w[0] == "f" and "keep" in f.claim)
    }


def test_zhang_et_als_findings_where_they_are_planted() -> None:
    found = verdicts(study(np.random.default_rng(0)))
    assert found == dict.fromkeys(("fits", "chance", "despite", "helps"), Verdict.SUPPORTED)


def test_nets_that_do_not_fit_random_labels_contradict() -> None:
    found = verdicts(study(np.random.default_rng(0), fitted=0.7, fitted_with_decay=0.8, clean=(0.1, 0.1)))
    assert found["fits"] is Verdict.CONTRADICTED
    assert found["despite"] is Verdict.CONTRADICTED
    assert found["helps"] is not Verdict.SUPPORTED


def test_validation_below_chance_is_not_chance() -> None:
    assert verdicts(study(np.random.default_rng(0), at_noise=0.6))["chance"] is Verdict.CONTRADICTED


def test_two_seeds_on_the_boundary_decide_nothing() -> None:
    found = verdicts(study(np.random.default_rng(1), fitted=0.05, seeds=2))
    assert found["fits"] is Verdict.UNDECIDED


def test_regularization_that_does_nothing_is_rarely_said_to_help() -> None:
    rng = np.random.default_rng(0)
    alarms = [verdicts(study(rng, clean=(0.1, 0.1)))["helps"] is Verdict.SUPPORTED for _ in range(200)]
    assert np.mean(alarms) <= 0.05
