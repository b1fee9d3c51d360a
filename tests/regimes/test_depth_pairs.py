"""Degradation of deeper nets."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import DepthPair, DepthTest, depth_pairs, depth_tests

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


def run_tests(trials: list[TrialRecord]) -> list[DepthTest]:
    return depth_tests(depth_pairs(trials, classes=10, chance_error=0.9))


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


@pytest.mark.parametrize(
    ("seeds", "rates", "lacks"),
    [
        (5, 3, ""),
        (4, 3, "1 more seed"),
        (5, 1, "2 more learning rates"),
        (3, 2, "2 more seeds and 1 more learning rate"),
    ],
)
def test_a_rise_is_found_from_five_seeds_and_three_rates_on_and_a_pair_says_what_it_lacks(
    seeds: int, rates: int, lacks: str
) -> None:
    trials = nets(np.random.default_rng(0), {20: 0.1, 56: 0.5}, seeds=seeds)
    (test,) = run_tests([t for t in trials if t.config.optimization.lr in RATES[-rates:]])
    assert (test.lacks, test.degraded) == (lacks, not lacks)


def test_that_there_is_no_rise_takes_neither_five_seeds_nor_three_rates() -> None:
    trials = nets(np.random.default_rng(0), {20: 0.003, 56: 0.003}, seeds=3)
    (test,) = run_tests([t for t in trials if t.config.optimization.lr == 0.1])
    assert test.denied
    assert test.lacks


def test_nets_that_differ_in_more_than_depth_are_never_paired() -> None:
    rng = np.random.default_rng(0)
    trials = nets(rng, {20: 0.1}, width=0.25) + nets(rng, {56: 0.5}, width=0.5)
    assert depth_pairs(trials, classes=10, chance_error=0.9) == []


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


@cache
def shallow_trials(seeds: int) -> tuple[TrialRecord, ...]:
    return tuple(make_trial({"depth": 20, "seed": s}) for s in range(seeds))


def pair_of(rise: list[float], deep: int = 56) -> DepthPair:
    """A pair whose training errors differ so by seed; nothing else of it matters here."""
    shallow = np.full(len(rise), 0.2)
    trials = shallow_trials(len(rise))
    return DepthPair(
        stratum=trials[0].config, shallow=20, deep=deep, shallow_rate=0.1, deep_rate=0.1, rates=3,
        shallow_trials=trials, deep_trials=trials, shallow_errors=shallow, deep_errors=shallow + rise,
    )  # fmt: skip


def test_pairs_are_t_tests_both_ways_and_holm_over_the_study() -> None:
    """scipy's own test, against no rise and against a rise of a point."""
    rows = [[0.09, 0.14, 0.07, 0.11, 0.16], [0.02, 0.09, -0.04, 0.12, 0.01], [0.001, -0.002, 0.002, 0.0, 0.001]]
    found = depth_tests(pair_of(row, deep) for row, deep in zip(rows, (32, 44, 56), strict=True))
    above = [ttest_1samp(row, 0, alternative="greater").pvalue for row in rows]
    below = [ttest_1samp(row, 0.01, alternative="less").pvalue for row in rows]
    assert [t.p_above for t in found] == pytest.approx(above)
    assert [t.p_below for t in found] == pytest.approx(below)
    decides = [2 * above[0], 2 * above[1], 2 * below[2]]
    assert [t.p_adjusted for t in found] == pytest.approx(multipletests(decides, method="holm")[1])
    assert [(t.degraded, t.denied) for t in found] == [(True, False), (False, False), (False, True)]


def test_gradients_of_plain_nets_are_corrected_with_their_rises() -> None:
    """A first layer without any gradient has vanished, whatever a logarithm says of it."""
    rise = [0.09, 0.14, 0.07, 0.11, 0.16]
    shallow = tuple(make_trial({"family": "plain", "depth": 20, "seed": s}) for s in range(5))
    ratios = [4e-3, 1e-3, 2e-3, 8e-3, 0.0]
    deep = tuple(
        make_trial({"family": "plain", "depth": 56, "seed": s}, make_epoch(0.2, 0.2, gradient_ratio=r))
        for s, r in enumerate(ratios)
    )
    plain = replace(pair_of(rise), stratum=shallow[0].config, shallow_trials=shallow, deep_trials=deep)
    tests = depth_tests([plain, pair_of([0.01, 0.02, -0.01, 0.0, 0.01], 44)])
    decades = [np.log10(max(r, 1e-12) / 1e-3) for r in ratios]
    assert plain.decades == pytest.approx(decades)
    rises = [2 * ttest_1samp(rise, 0, alternative="greater").pvalue]
    rises += [min(1, 2 * ttest_1samp([0.01, 0.02, -0.01, 0.0, 0.01], 0.01, alternative="less").pvalue)]
    expected = multipletests([*rises, ttest_1samp(decades, 0).pvalue], method="holm")[1]
    assert [*(t.p_adjusted for t in tests), tests[0].p_gradients] == pytest.approx(list(expected))
    assert tests[1].p_gradients is None


def test_seeds_that_chose_their_rates_by_each_other_are_no_independent_draws() -> None:
    """Nadeau and Bengio 2003: the variance of the mean times 1 + S / (S - 1), where the seeds do not agree."""
    rise = [0.09, 0.14, 0.07, 0.11, 0.16]
    agreed = pair_of(rise)
    chosen = tuple(make_trial({"depth": 56, "seed": s, "lr": 0.3 if s == 2 else 0.1}) for s in range(5))
    split = replace(agreed, deep_trials=chosen)
    assert [test.se for test in depth_tests([agreed, split])] == pytest.approx(
        [np.std(rise, ddof=1) / np.sqrt(5), np.std(rise, ddof=1) / np.sqrt(5) * np.sqrt(1 + 5 / 4)]
    )


def test_many_pairs_without_a_rise_raise_few_alarms() -> None:
    """The chance of any alarm in a study of ten pairs is 5 % at most."""
    rng = np.random.default_rng(0)
    studies = [[pair_of(list(rng.normal(0, 0.05, 5)), 21 + k) for k in range(10)] for _ in range(40)]
    assert np.mean([any(t.degraded for t in depth_tests(pairs)) for pairs in studies]) <= 0.05


@pytest.mark.parametrize("given", [{"freeze": 1}, {"bn": "frozen"}, {"weights": "w.pth"}])
def test_nets_that_did_not_have_to_learn_all_their_layers_are_no_pair(given: dict[str, Any]) -> None:
    trials = nets(np.random.default_rng(0), {20: 0.1, 56: 0.5}, **given)
    assert depth_pairs(trials, classes=10, chance_error=0.9) == []
