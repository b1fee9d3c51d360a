"""Planted truths trained for real on digits: labels and findings from what nets do, not from drawn records."""

from typing import Any

import pytest
from planted import macro_f1

from fitscape.study.config import DataConfig, RegimeThresholds, TrialConfig
from fitscape.study.data import load
from fitscape.study.findings import Context, Verdict, all_findings
from fitscape.study.records import Regime, TrialRecord, TrialState
from fitscape.study.regimes import label_all
from fitscape.study.training import Settings, run_trial

SMALL = {"family": "resnet", "depth": 20, "width": 0.5, "epochs": 12}
BY_HEART = {**SMALL, "epochs": 40, "lr": 0.05, "weight_decay": 0.0}
FEW = {**SMALL, "width": 0.25, "train_fraction": 0.03, "epochs": 20, "steps_per_epoch": 4}
NETS: tuple[tuple[dict[str, Any], Regime, int], ...] = (  # hyperparameters, truth, seeds
    ({**SMALL, "width": 0.125, "lr": 0.01, "epochs": 6}, Regime.UNDERFIT, 3),
    ({**BY_HEART, "label_noise": 1.0}, Regime.OVERFIT, 3),
    ({**BY_HEART, "label_noise": 0.5}, Regime.OVERFIT, 3),
    (FEW, Regime.OVERFIT, 3),
    ({**SMALL, "width": 0.25, "lr": 90.0, "epochs": 4}, Regime.DIVERGED, 3),
    (SMALL, Regime.GOOD, 5),
    ({**SMALL, "depth": 44}, Regime.GOOD, 5),
    ({**SMALL, "family": "plain", "epochs": 20}, Regime.GOOD, 5),
    ({**SMALL, "family": "plain", "depth": 44, "epochs": 20}, Regime.UNDERFIT, 5),
)


def train(hyperparameters: dict[str, Any], seed: int, data: Any) -> TrialRecord:
    config = TrialConfig().with_hyperparameters({**hyperparameters, "seed": seed})
    steps = list(run_trial(config, data, settings=Settings()))
    return TrialRecord(
        number=0,
        trial_id=config.trial_id,
        config=config,
        hyperparameters=hyperparameters,
        origin="enqueue",
        state=TrialState.DIVERGED if steps[-1].diverged else TrialState.FINISHED,
        epochs=tuple(s.record for s in steps),
        size=steps[-1].size,
        late=steps[-1].late,
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_regimes_and_claims_planted_in_real_nets_are_found() -> None:
    data = load(DataConfig()).trial_data
    truth: dict[str, Regime] = {}
    trials: list[TrialRecord] = []
    for hyperparameters, regime, seeds in NETS:
        for seed in range(seeds):
            trials.append(train(hyperparameters, seed, data))
            truth[trials[-1].trial_id] = regime
    classes, chance = len(data.classes), data.majority_error
    labels = label_all(trials, RegimeThresholds(), classes=classes, chance_error=chance)
    pairs = [(truth[one.trial_id], one.regime) for one in labels]
    decided = [(t, p) for t, p in pairs if p is not Regime.UNDECIDED]
    # An untrained net and a diverged one are reported as one.
    decided = [(t, Regime.DIVERGED if p is Regime.UNTRAINED else p) for t, p in decided]
    assert len(decided) >= 0.8 * len(pairs)
    assert macro_f1(decided) >= 0.95
    by_heart = {t.trial_id for t in trials if t.config.data.label_noise}
    assert {one.trial_id for one in labels if "memorizing" in one.flags} == by_heart

    found = all_findings(trials, labels, Context(classes=classes, chance_error=chance))
    verdicts = {f.claim: f.verdict for f in found}
    assert verdicts["Degradation: plain44 trains to a higher error than plain20"] is Verdict.SUPPORTED
    assert verdicts["Degradation: resnet44 does not train to a higher error than resnet20"] is Verdict.SUPPORTED
    assert verdicts["Degradation: gradients do not vanish in plain44"] is Verdict.SUPPORTED
    assert verdicts["Memorization: resnet nets fit random labels"] is Verdict.SUPPORTED
