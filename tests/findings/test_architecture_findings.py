"""Findings on architectures, planted and null."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial, noisy_epoch

from fitscape.study.config import RegimeThresholds
from fitscape.study.findings import Context, Finding, Verdict, tuning_curves
from fitscape.study.findings.architectures import architectures, time_to
from fitscape.study.records import ModelSize, TrialRecord, TrialState
from fitscape.study.regimes import Reference, label_all

CONTEXT = Context(classes=10, chance_error=0.9)


def runs(
    rng: np.random.Generator,
    architecture: str,
    error: float,
    *,
    trials: int = 16,
    unstable: float = 0.0,
    speed: float = 1.0,
    size: float = 1e6,
    paired: bool = True,
) -> list[TrialRecord]:
    """Runs over learning rates whose errors fall over ten epochs; larger nets do better."""
    made = []
    origin = "enqueue" if paired else "sobol"
    for i in range(trials):
        width = 0.25 + (i % 4) * 0.25
        lr = 0.01 * 1.3**i if paired else float(rng.uniform(0.01, 1))
        hyperparameters: dict[str, Any] = {"architecture": architecture, "lr": lr, "width": width}
        parameters = round(size * width**2)
        if rng.random() < unstable:
            made.append(
                make_trial(hyperparameters, make_epoch(0.9, 0.9, epoch=1), state=TrialState.DIVERGED, origin=origin)
            )
            continue
        end = error * (1.3 - 0.3 * width)
        final = noisy_epoch(rng, 0.02, end, val_sd=0.1, epoch=10, train_seconds=1 / speed)
        way = [
            make_epoch(0.1, 0.9 - (0.9 - final.val_error) * min(1, e * speed / 10), epoch=e, train_seconds=1 / speed)
            for e in range(1, 10)
        ]
        size_now = ModelSize(parameters=parameters, flops=100 * parameters)
        made.append(make_trial(hyperparameters, *way, final, size=size_now, origin=origin))
    return made


def findings_of(trials: list[TrialRecord]) -> dict[str, Finding]:
    options: dict[str, Any] = {"classes": 10, "chance_error": 0.9, "reference": Reference(error=0.05)}
    labels = label_all(trials, RegimeThresholds(), **options)
    return {f.claim.split(": ")[1]: f for f in architectures(trials, {one.trial_id: one for one in labels}, CONTEXT)}


@pytest.mark.parametrize("paired", [True, False])
def test_a_better_faster_steadier_net_is_found(paired: bool) -> None:
    rng = np.random.default_rng(0)
    trials = runs(rng, "resnet18", 0.1, speed=2, paired=paired) + runs(
        rng, "plain18", 0.25, unstable=0.5, paired=paired
    )
    found = findings_of(trials)
    where = "at the same configurations, on average" if paired else "at the same tuning budget"
    assert found[f"resnet18 reaches a lower validation error than plain18 {where}"].low > 0
    for claim in ("lower validation error", "more stably", "in epochs", "in seconds"):
        assert next(f for c, f in found.items() if claim in c).verdict is Verdict.SUPPORTED, claim
    tests = {f.test for f in found.values()}
    assert ("paired t over runs" in tests) is paired


def test_fewer_parameters_for_the_same_error_are_found() -> None:
    rng = np.random.default_rng(0)
    trials = runs(rng, "densenet121", 0.1, size=2.5e5, trials=24)
    trials += runs(rng, "resnet18", 0.1, trials=24)
    found = findings_of(trials)
    parameters = next(f for c, f in found.items() if "as many parameters" in c)
    assert (parameters.family, parameters.verdict) == ("densenet", Verdict.SUPPORTED)
    ratio = float(parameters.explanation.split(" takes ")[-1].split(" times")[0])
    assert ratio == pytest.approx(4, rel=0.5)
    assert any("floating-point operations" in c for c in found)


def test_sizes_that_do_not_overlap_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    found = findings_of(runs(rng, "densenet121", 0.1, size=1e4) + runs(rng, "resnet18", 0.1))
    assert not any("as many" in c for c in found)


def test_a_worse_net_contradicts() -> None:
    rng = np.random.default_rng(0)
    found = findings_of(runs(rng, "resnet18", 0.3) + runs(rng, "plain18", 0.1))
    assert next(f for c, f in found.items() if "lower validation error" in c).verdict is Verdict.CONTRADICTED


def test_depths_of_one_family_are_not_compared_here() -> None:
    rng = np.random.default_rng(0)
    assert findings_of(runs(rng, "resnet18", 0.1) + runs(rng, "resnet34", 0.2)) == {}


def test_of_a_network_of_timm_nothing_is_claimed() -> None:
    rng = np.random.default_rng(0)
    fixed = [replace(t, config=t.config.with_hyperparameters({"width": 1.0})) for t in runs(rng, "resnet18", 0.1)]
    theirs = [replace(t, config=t.config.with_hyperparameters({"architecture": "timm:resnet18"})) for t in fixed]
    assert findings_of(fixed + theirs) == {}


@pytest.mark.parametrize("paired", [True, False])
def test_equal_nets_are_rarely_told_apart(paired: bool) -> None:
    rng = np.random.default_rng(0)
    alarms: dict[str, list[bool]] = {}
    for _ in range(30):
        nets = (runs(rng, name, 0.15, trials=12, unstable=0.1, paired=paired) for name in ("resnet18", "plain18"))
        for claim, found in findings_of([t for net in nets for t in net]).items():
            alarms.setdefault(claim, []).append(found.verdict is Verdict.SUPPORTED)
    assert np.mean([a for group in alarms.values() for a in group]) <= 0.06


def test_chosen_points_that_do_not_pair_are_no_sample() -> None:
    rng = np.random.default_rng(0)
    trials = runs(rng, "resnet18", 0.1, paired=False) + runs(rng, "plain18", 0.3, paired=False)
    assert findings_of(trials)
    assert findings_of([replace(t, origin="regime") for t in trials]) == {}


def test_each_architecture_is_taken_at_its_best_configuration_where_seeds_repeat() -> None:
    rng = np.random.default_rng(0)
    best = {"resnet18": 0.3, "plain18": 0.01}  # rates at which each is good
    trials = [
        make_trial(
            {"architecture": name, "lr": lr, "seed": seed},
            noisy_epoch(rng, 0.02, (0.1 if name == "resnet18" else 0.2) * (1 if lr == rate else 3), val_sd=0.1),
        )
        for name, rate in best.items()
        for lr in (0.01, 0.1, 0.3)
        for seed in range(5)
    ]
    found = next(f for c, f in findings_of(trials).items() if "lower validation error" in c)
    assert (found.n, found.test) == (5, "paired t over seeds")
    assert found.estimate == pytest.approx(0.1, abs=0.03)


def test_curves_are_drawn_of_sampled_trials_alone() -> None:
    rng = np.random.default_rng(0)
    curves = tuning_curves([*runs(rng, "resnet18", 0.1, paired=False), *runs(rng, "plain18", 0.1)], CONTEXT)
    assert list(curves) == ["resnet18"]


def test_runs_that_never_arrive_are_said_to_be_half_or_more() -> None:
    """Of an even number of plain nets one half ends above their median, which is the higher one."""
    rng = np.random.default_rng(0)
    found = findings_of(runs(rng, "resnet18", 0.1, speed=2) + runs(rng, "plain18", 0.25))
    told = found["resnet18 trains faster than plain18, in epochs to a given error"].explanation
    assert (
        "% validation error, the higher of the two medians, is reached by 100.0 % of the runs of resnet18 (med" in told
    )
    assert told.endswith("and 50.0 % of plain18 (half or more never).")


def test_time_to_an_error_is_infinite_where_it_is_never_reached() -> None:
    trial = runs(np.random.default_rng(0), "resnet18", 0.1, trials=1, speed=2)[0]
    assert time_to(trial, 0.9, "epochs") == 1
    assert time_to(trial, 0.5, "seconds") == pytest.approx(0.5 * time_to(trial, 0.5, "epochs"))
    assert time_to(trial, 0.0, "epochs") == np.inf
