"""The stopping rule: safe for labels, and honest about what it costs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_made import make_epoch, make_trial
from optuna.distributions import BaseDistribution, FloatDistribution

from fitscape.study.config import (
    Choices,
    DataCondition,
    Optimization,
    Range,
    RegimeThresholds,
    StoppingConfig,
    StudyConfig,
    TrialConfig,
)
from fitscape.study.records import TrialState
from fitscape.study.search.stopping import Decision, StoppingRule, applicable

SPACE: dict[str, BaseDistribution] = {"width": FloatDistribution(0.125, 1)}
TOTAL = 40
# (train, validation); the last learns nothing, which has the name diverged as well
ENDS = {"underfit": (0.5, 0.52), "overfit": (0.01, 0.5), "good": (0.03, 0.06), "diverged": (0.88, 0.89)}


def errors(regime: str, epoch: int, rng: np.random.Generator) -> tuple[float, float]:
    train, val = ENDS[regime]
    fall = np.exp(-epoch / 5)
    jitter = np.exp(rng.normal(0, 0.02, 2))
    return (train + (0.9 - train) * fall) * jitter[0], (val + (0.9 - val) * fall) * jitter[1]


def make(**given: Any) -> StoppingRule:
    config = StoppingConfig(enabled=True, warmup_trials=12, **given.pop("config", {}))
    given = {"chance_error": 0.9, "reference_error": 0.05, **given}
    return StoppingRule(SPACE, RegimeThresholds(tau=0.1), config, **given)


def run(rule: StoppingRule, name: str, regime: str, flip_to: str | None = None) -> Decision | None:
    """One trial; with ``flip_to`` it turns at its last epochs."""
    rng = np.random.default_rng([ord(c) for c in name])
    width = {"underfit": 0.15, "good": 0.5, "overfit": 0.9, "diverged": 0.3}[regime] + rng.uniform(-0.02, 0.02)
    for epoch in range(1, TOTAL + 1):
        late = flip_to is not None and epoch > TOTAL - 3
        train, val = errors(flip_to if late and flip_to else regime, epoch, rng)
        decision = rule.observe(name, {"width": width}, epoch, TOTAL, train, val)
        if decision is not None:
            rule.finish(name)
            return decision
    rule.finish(name)
    return None


def warm(rule: StoppingRule, n: int = 24) -> None:
    regimes = list(ENDS)
    for i in range(n):
        run(rule, f"warm{i}", regimes[i % len(regimes)])


def test_nothing_stops_while_the_rule_is_learning() -> None:
    rule = make(config={"audit_fraction": 0.0})
    assert all(run(rule, f"t{i}", list(ENDS)[i % 3]) is None for i in range(12))
    assert run(rule, "later", "overfit") is not None


@pytest.mark.parametrize("regime", list(ENDS))
def test_a_clear_trial_stops_early_under_its_own_name(regime: str) -> None:
    rule = make(config={"audit_fraction": 0.0})
    warm(rule)
    decision = run(rule, "new", regime)
    assert decision is not None
    assert decision.label == regime
    assert decision.probability >= 0.98
    assert decision.epoch <= TOTAL * 0.7
    assert np.abs(np.median(decision.errors, axis=0) - ENDS[regime]).max() < 0.1
    assert f"after {decision.epoch} of 40 epochs: {regime}" in decision.reason


def test_what_a_map_is_told_of_a_stopped_trial_is_the_predicted_end() -> None:
    rule = make(config={"audit_fraction": 0.0})
    warm(rule)
    decision = run(rule, "new", "overfit")
    assert decision is not None
    told = decision.outcome()
    assert told["val_error"] == pytest.approx(0.5, abs=0.1)
    assert 0 < told["val_sd"] < 1
    assert told["diverged"] is False


def test_a_map_is_told_the_errors_of_a_net_that_learns_nothing() -> None:
    rule = make(config={"audit_fraction": 0.0})
    warm(rule)
    decision = run(rule, "new", "diverged")
    assert decision is not None
    assert decision.label == "diverged"
    told = decision.outcome()
    assert told["diverged"] is False
    assert told["val_error"] == pytest.approx(0.89, abs=0.05)


def test_a_restarted_rule_decides_as_if_it_had_run_on() -> None:
    living, restarted = (make(config={"audit_fraction": 0.2}) for _ in range(2))
    known = []
    for i in range(40):
        regime = list(ENDS)[i % 4]
        width = {"underfit": 0.15, "good": 0.5, "overfit": 0.9, "diverged": 0.3}[regime] + i / 1000
        trial = make_trial({"width": width, "epochs": TOTAL}, state=TrialState.FINISHED)
        rng, epochs = np.random.default_rng(i), []
        for epoch in range(1, TOTAL + 1):
            train, val = np.clip(errors(regime, epoch, rng), 0, 1)
            epochs.append(make_epoch(float(train), float(val), epoch=epoch))
            living.observe(trial.trial_id, {"width": width}, epoch, TOTAL, float(train), float(val))
        living.finish(trial.trial_id, diverged=i % 10 == 9)
        state = TrialState.DIVERGED if i % 10 == 9 else TrialState.FINISHED
        known.append(replace(trial, state=state, epochs=tuple(epochs)))
    failed = make_trial({"width": 0.2, "epochs": TOTAL}, make_epoch(0.9, 0.9, epoch=1), state=TrialState.FAILED)
    restarted.restore([*known, failed])
    assert restarted.audit == living.audit
    assert restarted.audit.stopped > 0
    decisions = [[run(rule, f"new-{regime}", regime) for regime in ENDS] for rule in (living, restarted)]
    before, after = ([d and (d.label, d.epoch, d.probability) for d in of_one] for of_one in decisions)
    assert before == after
    assert any(before)


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_error_stops_at_once(active: bool, bad: float) -> None:
    decision = make(active=active).observe("t", {"width": 0.5}, 1, TOTAL, 0.5, bad)
    assert decision is not None
    assert (decision.label, decision.probability, decision.epoch) == ("diverged", 1.0, 1)
    assert decision.outcome()["diverged"] is True


def test_an_inactive_rule_stops_nothing_else() -> None:
    rule = make(active=False)
    warm(rule)
    assert run(rule, "new", "overfit") is None


def test_audited_trials_run_in_full_and_are_counted() -> None:
    rule = make(config={"audit_fraction": 1.0})
    warm(rule, 40)
    assert rule.audit.stopped >= 20
    assert rule.audit.flip_rate <= 0.03


def test_about_a_tenth_is_audited_and_always_the_same() -> None:
    names = [f"trial{i}" for i in range(3000)]
    audited = [make().audits(name) for name in names]
    assert np.mean(audited) == pytest.approx(0.1, abs=0.02)
    assert audited == [make(seed=5).audits(name) for name in names]


def test_flips_make_the_rule_stricter() -> None:
    rule = make(config={"audit_fraction": 1.0})
    warm(rule)
    before = rule.audit.threshold
    for i in range(12):
        run(rule, f"flip{i}", "good", flip_to="overfit")
    assert rule.audit.threshold > before


def test_a_stopped_trial_teaches_nothing() -> None:
    rule = make(config={"audit_fraction": 0.0})
    warm(rule)
    known = len(rule._full)
    assert run(rule, "new", "overfit") is not None
    assert len(rule._full) == known


def test_without_a_reference_error_it_is_estimated() -> None:
    rule = make(reference_error=None, config={"audit_fraction": 0.0})
    warm(rule)
    decision = run(rule, "new", "overfit")
    assert decision is not None
    assert decision.label == "overfit"


def study(**given: Any) -> StudyConfig:
    base = TrialConfig(
        optimization=Optimization(schedule=given.pop("schedule", "constant"), epochs=given.pop("epochs", 10)),
        data=DataCondition(label_noise=given.pop("label_noise", 0.0)),
    )
    return StudyConfig(name="s", base=base, **given)


@pytest.mark.parametrize(
    ("config", "fits"),
    [
        (study(), True),
        (study(space={"lr": Range(low=0.01, high=1, log=True)}), True),
        (study(schedule="one_cycle"), False),
        (study(space={"schedule": Choices(choices=("constant", "cosine"))}), False),
        (study(schedule="cosine", space={"schedule": Choices(choices=("constant",))}), True),
        (study(enqueue=({"schedule": "step"},)), False),
        (study(label_noise=0.2), True),  # ten epochs are too few for a second descent
        (study(label_noise=0.2, epochs=100), False),
        (study(epochs=100), True),
        (study(epochs=100, space={"label_noise": Range(low=0, high=0.4)}), False),
        (study(label_noise=0.2, space={"epochs": Choices(choices=(5, 100))}), False),
    ],
)
def test_it_applies_only_where_an_early_epoch_tells_the_end(config: StudyConfig, fits: bool) -> None:
    applies, reason = applicable(config)
    assert applies == fits
    assert bool(reason) != fits
