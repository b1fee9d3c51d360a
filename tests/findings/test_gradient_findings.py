"""Findings on gradients, planted and null."""

import re
from itertools import product

import numpy as np
import pytest
from hand_made import make_epoch, make_trial

from fitscape.study.config import RegimeThresholds
from fitscape.study.findings import Context, Finding, Verdict
from fitscape.study.findings.gradients import gradients
from fitscape.study.records import GradientProfile, TrialRecord
from fitscape.study.regimes import Reference, label_all
from fitscape.study.report.language import catalogue

CONTEXT = Context(classes=10, chance_error=0.9)
DEPTHS = (20, 32, 44, 56, 110)


def make_net(rng: np.random.Generator, ratio: float, stalls: bool, **hyperparameters: object) -> TrialRecord:
    measured = ratio * float(rng.lognormal(0, 0.3))
    start = GradientProfile(step=0, layers=("a", "b"), gradient_norms=(measured, 1.0), weight_norms=(1.0, 1.0))
    error = 0.9 if stalls else 0.2
    epoch = make_epoch(error, error, epoch=1, gradients=(start,), gradient_ratio=measured)
    return make_trial(hyperparameters, epoch)


def test_enough_nets_that_train_at_the_deepest_depth_deny_the_frontier() -> None:
    found = findings_of(study(np.random.default_rng(0), seeds=8))
    normalized = next(f for c, f in found.items() if "plain nets with batch" in c and "stop training" in c)
    assert normalized.verdict is Verdict.CONTRADICTED
    assert "no depth up to 110" in normalized.sentence


def study(rng: np.random.Generator, *, planted: bool = True, seeds: int = 4) -> list[TrialRecord]:
    """Without normalization plain nets stall from depth 44 on with Glorot and from 110 on with He."""
    trials = []
    arms = product(("plain", "resnet"), ("none", "batch"), ("he", "glorot"), DEPTHS, range(seeds))
    for family, norm, init, depth, seed in arms:
        bare = planted and family == "plain" and norm == "none"
        decay = {"he": 0.9, "glorot": 0.7}[init] if bare else 1.0
        stalls = bare and depth >= {"he": 110, "glorot": 44}[init]
        hyperparameters = {"family": family, "norm": norm, "init": init, "depth": depth, "seed": seed}
        trials.append(make_net(rng, decay ** (depth / 2), stalls, **hyperparameters))
    return trials


def findings_of(trials: list[TrialRecord]) -> dict[str, Finding]:
    thresholds, reference = RegimeThresholds(), Reference(error=0.05)
    labels = label_all(trials, thresholds, classes=10, chance_error=0.9, reference=reference)
    return {f.claim: f for f in gradients(trials, {one.trial_id: one for one in labels}, CONTEXT)}


def test_planted_order_and_rescues_are_found() -> None:
    found = findings_of(study(np.random.default_rng(0)))
    remedies = [f for f in found.values() if "stop training" not in f.claim]
    assert len(remedies) == 12  # three remedies that were run, each by gradient, ratio at start, in training, stalls
    assert all(f.verdict is Verdict.SUPPORTED for f in remedies)
    assert any("He initialization instead of Glorot" in f.claim for f in remedies)
    assert any("batch normalization" in f.claim and "stall" in f.claim for f in remedies)
    assert any("shortcuts" in f.claim and f.family == "resnet" for f in remedies)


def test_frontiers_lie_where_they_were_planted() -> None:
    found = findings_of(study(np.random.default_rng(0)))

    def of(arm: str) -> Finding:
        return next(f for c, f in found.items() if arm in c and "stop training" in c)

    deepest = {c.rpartition(" ")[2] for c in found if "stop training" in c}
    assert deepest == {"110"}, "a claim is of the deepest net that was run"
    glorot = of("plain nets without normalization, glorot")
    assert "lies between depth 32 and 44 (95 % interval by their likelihood" in glorot.explanation
    assert (glorot.verdict, glorot.estimate) == (Verdict.SUPPORTED, 0.5)
    assert "between depth 56 and" in of("plain nets without normalization, he").explanation
    normalized = of("plain nets with batch normalization, glorot")
    assert "beyond depth 110, the deepest run" in normalized.explanation
    assert normalized.verdict is Verdict.UNDECIDED  # 4 seeds at the deepest depth could all train by luck


def test_null_studies_support_nothing_more_often_than_nominal() -> None:
    rng = np.random.default_rng(1)
    alarms = [
        f.verdict is Verdict.SUPPORTED
        for _ in range(25)
        for f in findings_of(study(rng, planted=False, seeds=2)).values()
        if "stop training" not in f.claim
    ]
    assert np.mean(alarms) <= 0.05


def test_a_dead_first_layer_is_a_vanished_gradient_not_a_missing_one() -> None:
    rng = np.random.default_rng(0)
    trials = []
    for init, depth, seed in product(("he", "glorot"), DEPTHS, range(2)):
        ratio = 0.0 if init == "glorot" else 0.5
        hyperparameters = {"family": "plain", "norm": "none", "init": init, "depth": depth, "seed": seed}
        trials.append(make_net(rng, ratio, init == "glorot", **hyperparameters))
    lift = next(f for f in findings_of(trials).values() if "at the start" in f.claim)
    assert lift.verdict is Verdict.SUPPORTED
    assert lift.estimate > 5


def test_a_gradient_lost_in_every_layer_alike_is_seen_at_the_first_layer_and_not_in_the_ratio() -> None:
    trials = []
    for init, depth, seed in product(("he", "glorot"), DEPTHS, range(2)):
        size = 1e-6 if init == "glorot" else 1.0
        norms = GradientProfile(step=0, layers=("a", "b"), gradient_norms=(size, size), weight_norms=(1.0, 1.0))
        hyperparameters = {"family": "plain", "norm": "none", "init": init, "depth": depth, "seed": seed}
        trials.append(
            make_trial(hyperparameters, make_epoch(0.2, 0.2, epoch=1, gradients=(norms,), gradient_ratio=1.0))
        )
    found = findings_of(trials)
    reach = next(f for claim, f in found.items() if "reach the first layer" in claim)
    assert (reach.verdict, round(reach.estimate, 6)) == (Verdict.SUPPORTED, 6.0)
    assert (
        next(f for claim, f in found.items() if "larger relative to the last layer's at the start" in claim).estimate
        == 0
    )


@pytest.mark.parametrize("ratio", [2.0, 5e4])
def test_a_larger_gradient_that_explodes_is_said_to_be_too_large(ratio: float) -> None:
    rng, trials = np.random.default_rng(0), []
    for init, depth, seed in product(("he", "glorot"), DEPTHS, range(2)):
        hyperparameters = {"family": "plain", "norm": "none", "init": init, "depth": depth, "seed": seed}
        trials.append(make_net(rng, ratio if init == "he" else 0.1, False, **hyperparameters))
    found = findings_of(trials)
    absolute = next(f for claim, f in found.items() if claim.endswith("at the start, in absolute terms"))
    relative = next(f for claim, f in found.items() if "larger relative to the last layer's at the start" in claim)
    assert "Near 1 is healthy" in relative.explanation
    explode = "Of 10 nets with it 10 explode: there larger is too large."
    assert relative.explanation.endswith(explode if ratio > 1000 else "as exploding.")
    assert not re.findall("[A-Za-z]{2,}", catalogue("ko")(explode))
    assert "too large" not in absolute.explanation
