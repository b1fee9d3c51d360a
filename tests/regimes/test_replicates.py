"""Seed noise from replicates."""

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch
from scipy.special import expit, logit

from fitscape.study.records import TrialState
from fitscape.study.regimes import SeedNoise, by_group, pooled_seed_noise
from fitscape.study.regimes.replicates import CONFLICT, apart


def test_without_replicates_the_prior_stands() -> None:
    trials = [make_trial({"width": w}, make_epoch(0.1, 0.2)) for w in (0.25, 0.5)]
    assert pooled_seed_noise(by_group(trials)) == SeedNoise()


def test_pooled_seed_noise_finds_the_planted_spread_beside_nets_without_errors() -> None:
    rng = np.random.default_rng(0)
    trials = [
        make_trial(
            {"width": 0.2 + w / 20, "seed": s},
            noisy_epoch(rng, train, 0.2, train_sd=0.6, val_sd=0.3, correlation=0.7),
        )
        for w in range(16)
        for train in ([0.3] if w % 2 else [0.0003])
        for s in range(10)
    ]
    noise = pooled_seed_noise(by_group(trials))
    assert noise.df == 16 * 9
    assert noise.train_sd == pytest.approx(0.6, rel=0.2)
    assert noise.val_sd == pytest.approx(0.3, rel=0.2)
    assert noise.correlation == pytest.approx(0.7, abs=0.15)


def test_sampling_of_images_is_not_taken_for_seed_noise() -> None:
    rng = np.random.default_rng(1)
    epochs = [noisy_epoch(rng, 0.2, 0.2, train_n=200, val_n=200, train_sd=0, val_sd=0) for _ in range(200)]
    trials = [make_trial({"width": 0.2 + (i % 10) / 10, "seed": i}, e) for i, e in enumerate(epochs)]
    assert pooled_seed_noise(by_group(trials)).val_sd < 0.08  # sampling alone would be 0.18


def test_a_run_is_apart_beyond_four_spreads_of_its_seeds_and_images_and_of_the_others_median() -> None:
    """Of three runs, two stand for the others: the variance of a distance from their median is half again as large."""
    noise, many = SeedNoise(train_sd=0.3, val_sd=0.3), 10**9
    for spreads, expected in ((CONFLICT - 0.05, False), (CONFLICT + 0.05, True)):
        away = spreads * 0.3 * np.sqrt(1.5)
        errors = [0.2, 0.2, float(expit(logit(0.2) + away))]
        records = [make_epoch(error, 0.2, train_n=many, val_n=many) for error in errors]
        assert list(apart(records, noise)) == [False, False, expected]


def test_diverged_failed_and_non_finite_trials_are_no_replicates() -> None:
    good = make_trial({"seed": 0}, make_epoch(0.1, 0.2))
    lost = [
        make_trial({"seed": 1}, make_epoch(0.1, 0.2), state=TrialState.FAILED),
        make_trial({"seed": 2}, make_epoch(0.1, 0.2), state=TrialState.DIVERGED),
        make_trial({"seed": 3}, make_epoch(0.1, 0.2, train_loss=float("nan"))),
        make_trial({"seed": 4}, make_epoch(0.1, 0.2), state=TrialState.RUNNING),
    ]
    assert [len(g) for g in by_group([good, *lost]).values()] == [1]
