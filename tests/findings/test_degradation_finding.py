"""Findings on degradation, planted and null."""

from typing import Any

import numpy as np
from hand_made import make_trial, noisy_epoch

from fitscape.study.config import RegimeThresholds
from fitscape.study.findings import Context, Finding, Verdict
from fitscape.study.findings.degradation import degradation
from fitscape.study.records import Regime, TrialRecord
from fitscape.study.regimes import Reference, label_all

CONTEXT = Context(classes=10, chance_error=0.9)


def nets(
    rng: np.random.Generator, errors: dict[int, float], *, seeds: int = 5, gap: float = 0.03, **hyperparameters: Any
) -> list[TrialRecord]:
    """Every depth at three rates, of which 0.1 is best, with live gradients."""
    return [
        make_trial(
            {"family": "plain", "depth": depth, "lr": lr, "seed": seed, **hyperparameters},
            noisy_epoch(
                rng,
                min(error * (1 if lr == 0.1 else 1.6), 0.89),
                min(error + gap, 0.9),
                gradient_ratio=float(rng.lognormal(np.log(0.3), 0.3)),
            ),
        )
        for depth, error in errors.items()
        for lr in (0.03, 0.1, 0.3)
        for seed in range(seeds)
    ]


def findings_of(trials: list[TrialRecord]) -> list[Finding]:
    thresholds, reference = RegimeThresholds(), Reference(error=0.05)
    labels = label_all(trials, thresholds, classes=10, chance_error=0.9, reference=reference)
    return degradation(trials, {one.trial_id: one for one in labels}, CONTEXT)


def test_plain_nets_degrade_and_residual_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    trials = nets(rng, {20: 0.14, 56: 0.54}) + nets(rng, {20: 0.09, 56: 0.03}, family="resnet")
    plain, live, residual = sorted(findings_of(trials), key=lambda f: (f.family, "vanish" in f.claim))
    assert (plain.family, plain.verdict) == ("plain", Verdict.SUPPORTED)
    assert plain.low > 0
    assert plain.n == 5
    assert "plain56" in plain.claim
    assert (live.verdict, live.n) == (Verdict.SUPPORTED, 5)
    assert (residual.family, residual.verdict) == ("resnet", Verdict.SUPPORTED)
    assert "not" in residual.claim


def test_residual_nets_that_degrade_contradict_the_claim() -> None:
    (found,) = findings_of(nets(np.random.default_rng(0), {20: 0.05, 56: 0.5}, family="resnet"))
    assert found.verdict is Verdict.CONTRADICTED


def test_plain_nets_that_train_alike_contradict_the_claim() -> None:
    rng = np.random.default_rng(0)
    found = findings_of(nets(rng, {20: 0.004, 56: 0.003}))[0]
    assert found.verdict is Verdict.CONTRADICTED


def test_two_seeds_are_not_judged_and_say_how_many_are_missing() -> None:
    found = findings_of(nets(np.random.default_rng(3), {20: 0.02, 56: 0.5}, seeds=2))[0]
    assert (found.verdict, found.lacks, found.needed) == (Verdict.UNDECIDED, "3 more seeds", None)
    assert found.sentence.startswith("Seen, with too few runs for a verdict. ")


def test_five_noisy_seeds_say_how_many_would_decide() -> None:
    found = findings_of(nets(np.random.default_rng(3), {20: 0.2, 56: 0.21}))[0]
    assert (found.verdict, found.lacks) == (Verdict.UNDECIDED, "")
    assert found.needed is not None
    assert found.needed > 5


def test_a_control_is_one_whose_seeds_overfit_together() -> None:
    trials = nets(np.random.default_rng(0), {20: 0.0008, 56: 0.0015}, gap=0.11, train_fraction=0.1)
    thresholds, reference = RegimeThresholds(), Reference(error=0.05)
    labels = {x.trial_id: x for x in label_all(trials, thresholds, classes=10, chance_error=0.9, reference=reference)}
    best = [labels[t.trial_id] for t in trials if t.config.model.depth == 20 and t.config.optimization.lr == 0.1]
    assert {label.regime for label in best} == {Regime.OVERFIT}
    (found,) = degradation(trials, labels, CONTEXT)
    assert "control" in found.claim


def test_a_shallow_net_that_overfits_beside_a_deep_one_that_does_not_learn_is_no_control() -> None:
    found = findings_of(nets(np.random.default_rng(0), {20: 0.001, 56: 0.54}, gap=0.15))[0]
    assert "control" not in found.claim
    assert found.verdict is Verdict.SUPPORTED


def test_nets_that_only_overfit_are_the_control_and_raise_no_alarm() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        (found,) = findings_of(nets(rng, {20: 0.0008, 56: 0.0015}, gap=0.35, train_fraction=0.1))
        assert "control" in found.claim
        assert found.verdict is Verdict.SUPPORTED


def test_vanishing_is_not_denied_where_gradients_vanish() -> None:
    rng = np.random.default_rng(0)
    trials = [
        make_trial(t.config.flat(), noisy_epoch(rng, 0.5, 0.5, gradient_ratio=float(rng.lognormal(np.log(1e-6), 0.3))))
        for t in nets(rng, {20: 0.1, 56: 0.5})
    ]
    live = next(f for f in findings_of(trials) if "vanish" in f.claim)
    assert live.verdict is Verdict.CONTRADICTED


def test_false_alarms_without_a_difference_are_nominal() -> None:
    rng = np.random.default_rng(0)
    found = [f for _ in range(60) for f in degradation(nets(rng, {20: 0.2, 56: 0.2}), {}, CONTEXT)]
    alarms = np.mean([f.verdict is Verdict.SUPPORTED for f in found if "vanish" not in f.claim])
    assert alarms <= 0.05


def test_every_depth_is_compared_with_the_shallowest() -> None:
    trials = nets(np.random.default_rng(0), {20: 0.1, 32: 0.3, 56: 0.5})
    rises = [f.claim for f in findings_of(trials) if "vanish" not in f.claim]
    assert sorted(rises) == [f"Degradation: plain{deep} trains to a higher error than plain20" for deep in (32, 56)]
