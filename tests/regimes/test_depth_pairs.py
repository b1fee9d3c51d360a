"""Degradation of deeper nets."""

from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import DepthTest, depth_pairs, depth_tests

RATES = (0.03, 0.1, 0.3)


def nets(
    rng: np.random.Generator,
    errors: dict[int, float],
    *,
    seeds: int = 5,
    best: float = 0.1,
    family: str = "plain",
    **hyperparameters: Any,
) -> list[TrialRecord]:
    """Every depth at three rates, of which ``best`` is best; validation error 0.1 above."""
    return [
        make_trial(
            {"family": family, "depth": depth, "lr": lr, "seed": seed, **hyperparameters},
            noisy_epoch(rng, min(error * (1 if lr == best else 1.6), 0.89), min(error + 0.1, 0.9)),
        )
        for depth, error in errors.items()
        for lr in RATES
        for seed in range(seeds)
    ]


def run_tests(trials: list[TrialRecord], **given: int) -> list[DepthTest]:
    return depth_tests(depth_pairs(trials, classes=10, chance_error=0.9), **given)


def test_plain_56_is_degraded_against_plain_20_and_resnet_56_is_not() -> None:
    rng = np.random.default_rng(0)
    trials = nets(rng, {20: 0.1, 56: 0.5}) + nets(rng, {20: 0.08, 56: 0.06}, family="resnet")
    verdict = {(t.pair.stratum.model.family, t.pair.deep): t.degraded for t in run_tests(trials)}
    assert verdict == {("plain", 56): True, ("resnet", 56): False}


def test_each_depth_is_taken_at_its_own_best_rate() -> None:
    rng = np.random.default_rng(0)
    trials = nets(rng, {20: 0.1}, best=0.3) + nets(rng, {56: 0.5}, best=0.03)
    (pair,) = depth_pairs(trials, classes=10, chance_error=0.9)
    assert (pair.shallow_rate, pair.deep_rate, pair.rates) == (0.3, 0.03, 3)
    assert [t.config.seed for t in pair.deep_trials] == [t.config.seed for t in pair.shallow_trials]


def test_pure_overfitting_raises_no_alarm() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(40):
        alarms += sum(t.degraded for t in run_tests(nets(rng, {20: 0.0005, 32: 0.001, 56: 0.002})))
    assert alarms == 0


def test_too_few_seeds_or_rates_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    assert run_tests(nets(rng, {20: 0.1, 56: 0.5}, seeds=4)) == []
    one_rate = [t for t in nets(rng, {20: 0.1, 56: 0.5}) if t.config.optimization.lr == 0.1]
    assert run_tests(one_rate) == []
    assert run_tests(one_rate, least_rates=1)[0].degraded


def test_nets_that_differ_in_more_than_depth_are_never_paired() -> None:
    rng = np.random.default_rng(0)
    trials = nets(rng, {20: 0.1}, width=0.25) + nets(rng, {56: 0.5}, width=0.5)
    assert depth_pairs(trials, classes=10, chance_error=0.9) == []


def test_false_alarms_at_the_margin_stay_below_the_level() -> None:
    rng = np.random.default_rng(0)
    margin = 0.1 * 1.65 / (0.9 + 0.1 * 1.65)  # odds ratio 1.65 exactly
    found = [t.p < 0.05 for _ in range(200) for t in run_tests(nets(rng, {20: 0.1, 56: margin}))]
    assert np.mean(found) == pytest.approx(0.05, abs=0.04)


def test_a_diverged_run_counts_as_guessing() -> None:
    rng = np.random.default_rng(0)
    shallow = nets(rng, {20: 0.1})
    deep = [
        make_trial(
            {"family": "plain", "depth": 56, "lr": lr, "seed": s},
            make_epoch(float("nan"), float("nan")),
            state=TrialState.DIVERGED,
        )
        for lr in RATES
        for s in range(5)
    ]
    (test,) = run_tests(shallow + deep)
    assert test.degraded
    assert (test.pair.deep_errors == 0.9).all()
