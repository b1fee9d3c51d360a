"""Degradation of deeper nets."""

from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import t as student
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


def pair_of(log_odds: list[float]) -> DepthPair:
    """A pair whose log odds differ so by seed; nothing else of it matters here."""
    shallow = np.full(len(log_odds), 0.2)
    trials = tuple(make_trial({"depth": 20, "seed": s}) for s in range(len(log_odds)))
    deep = 1 / (1 + np.exp(-(np.log(0.25) + np.array(log_odds))))
    return DepthPair(
        stratum=trials[0].config, shallow=20, deep=56, shallow_rate=0.1, deep_rate=0.1, rates=3,
        shallow_trials=trials, deep_trials=trials, shallow_errors=shallow, deep_errors=deep,
    )  # fmt: skip


def test_two_pairs_are_plain_one_sided_t_tests_against_the_margin() -> None:
    """Fewer than three pairs have no common prior of their variances: scipy's own test."""
    rows = [[0.9, 1.4, 0.7, 1.1, 1.6], [0.2, 0.9, 0.4, 1.2, 0.1]]
    found = depth_tests(map(pair_of, rows))
    known = [ttest_1samp(row, np.log(1.65), alternative="greater") for row in rows]
    assert [t.p for t in found] == pytest.approx([k.pvalue for k in known])
    assert [t.t for t in found] == pytest.approx([k.statistic for k in known])
    assert [t.p_adjusted for t in found] == pytest.approx(multipletests([k.pvalue for k in known], method="fdr_bh")[1])


def test_many_pairs_share_their_variances_as_limma_does() -> None:
    """Smyth 2004, equations 6.1 to 6.3, written out with a root finder; p adjusted by Benjamini and Hochberg."""
    rng = np.random.default_rng(0)
    rows = rng.normal(rng.normal(0.6, 0.4, (12, 1)), rng.uniform(0.05, 1, (12, 1)), (12, 5)).tolist()
    found = depth_tests(map(pair_of, rows))
    d, variance = 4.0, np.var(rows, axis=1, ddof=1)
    e = np.log(variance) - digamma(d / 2) + np.log(d / 2)
    prior = 2 * brentq(lambda half: polygamma(1, half) - (e.var(ddof=1) - polygamma(1, d / 2)), 1e-3, 1e6)
    scale = np.exp(e.mean() + digamma(prior / 2) - np.log(prior / 2))
    moderated = (prior * scale + d * variance) / (prior + d)
    t = (np.mean(rows, axis=1) - np.log(1.65)) / np.sqrt(moderated / 5)
    p = student.sf(t, prior + d)
    assert [one.t for one in found] == pytest.approx(t, rel=1e-6)
    assert [one.p for one in found] == pytest.approx(p, rel=1e-6)
    adjusted = multipletests(p, method="fdr_bh")[1]
    assert [one.p_adjusted for one in found] == pytest.approx(adjusted, rel=1e-6)
    assert [one.degraded for one in found] == list(adjusted <= 0.10)
    assert adjusted.max() > 0.10, "else the limit of ten per cent would not be asked"


def test_many_pairs_without_a_rise_raise_few_alarms() -> None:
    """A global null at the margin: the chance of any alarm is the false discovery rate, ten per cent."""
    rng = np.random.default_rng(0)
    studies = [[pair_of(list(rng.normal(np.log(1.65), 0.4, 5))) for _ in range(20)] for _ in range(300)]
    alarms = [any(t.degraded for t in depth_tests(pairs)) for pairs in studies]
    assert np.mean(alarms) == pytest.approx(0.10, abs=0.05)


@pytest.mark.parametrize("given", [{"freeze": 1}, {"bn": "frozen"}, {"weights": "w.pth"}])
def test_nets_that_did_not_have_to_learn_all_their_layers_are_no_pair(given: dict[str, Any]) -> None:
    trials = nets(np.random.default_rng(0), {20: 0.1, 56: 0.5}, **given)
    assert depth_pairs(trials, classes=10, chance_error=0.9) == []
