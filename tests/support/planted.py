"""Studies whose regimes are known because they were planted: the truths that labels are judged by."""

from typing import Any

import numpy as np
from hand_made import make_epoch, make_trial, noisy_epoch

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Label, Regime, TrialRecord, TrialState
from fitscape.study.regimes import label_all

CLASSES, CHANCE = 10, 0.9

# name -> hyperparameters, true training error (against the labels it is told), true validation error, regime.
NETS: dict[str, tuple[dict[str, Any], float, float, Regime]] = {
    "width 1/8": ({"width": 0.125}, 0.33, 0.35, Regime.UNDERFIT),
    "random labels": ({"label_noise": 1.0}, 0.001, 0.9, Regime.OVERFIT),
    "noise learned by heart": ({"label_noise": 0.4}, 0.01, 0.32, Regime.OVERFIT),
    "noise not learned by heart": ({"label_noise": 0.2, "weight_decay": 0.01}, 0.22, 0.05, Regime.GOOD),
    "few images": ({"train_fraction": 0.05}, 0.0005, 0.25, Regime.OVERFIT),
    "rate far too high": ({"lr": 50.0}, 0.9, 0.9, Regime.UNTRAINED),
    "good": ({"width": 0.5}, 0.02, 0.052, Regime.GOOD),
    "good and interpolating": ({"width": 1.0}, 0.0003, 0.05, Regime.GOOD),
}
DEPTHS = {20: (0.03, 0.055, Regime.GOOD), 56: (0.40, 0.42, Regime.UNDERFIT)}  # plain nets, best rate
RATES = {0.03: 0.4, 0.1: 0.0, 0.3: 0.8}  # rate -> logits by which it is worse than the best


def planted_study(rng: np.random.Generator, seeds: int = 5) -> tuple[list[TrialRecord], dict[str, Regime]]:
    """Trials of every net above and plain-20 and -56 at three rates; truth by trial id, for the best rates."""
    trials: list[TrialRecord] = []
    truth: dict[str, Regime] = {}
    for seed in range(seeds):
        for hyperparameters, train, val, regime in NETS.values():
            memorized = {"flipped_n": 0}
            if hyperparameters.get("label_noise"):
                flipped = round(hyperparameters["label_noise"] * 0.9 * 2000)
                share = 0.99 if train < 0.05 else 0.05
                memorized = {"flipped_n": flipped, "memorized_train": share, "memorized_val": 0.1}
            # Nets at chance hardly differ by seed, whatever the logit scale makes of it.
            spread = {"train_sd": 0.1, "val_sd": 0.1} if train == CHANCE else {}
            epoch = noisy_epoch(rng, train, val, **spread, **memorized)
            trials.append(make_trial({**hyperparameters, "seed": seed}, epoch))
            truth[trials[-1].trial_id] = regime
        for depth, (train, val, regime) in DEPTHS.items():
            for lr, worse in RATES.items():
                errors = (1 / (1 + np.exp(-np.log(e / (1 - e)) - worse)) for e in (train, val))
                hyperparameters = {"family": "plain", "depth": depth, "lr": lr, "seed": seed}
                trials.append(make_trial(hyperparameters, noisy_epoch(rng, *errors)))
                if worse == 0:
                    truth[trials[-1].trial_id] = regime
        trials.append(
            make_trial(
                {"lr": 90.0, "seed": seed},
                make_epoch(0.9, 0.9, train_loss=float("nan"), val_loss=float("nan")),
                state=TrialState.DIVERGED,
            )
        )
        truth[trials[-1].trial_id] = Regime.DIVERGED
    return trials, truth


def label_planted(trials: list[TrialRecord], tau: float = 0.05) -> dict[str, Label]:
    labels = label_all(trials, RegimeThresholds(tau=tau), classes=CLASSES, chance_error=CHANCE)
    return {one.trial_id: one for one in labels}


def macro_f1(pairs: list[tuple[Regime, Regime]]) -> float:
    """Mean F1 over the planted regimes of (truth, label); an undecided label is a miss."""
    scores = []
    for regime in {t for t, _ in pairs}:
        hit = sum(t == regime == p for t, p in pairs)
        named, meant = sum(p == regime for _, p in pairs), sum(t == regime for t, _ in pairs)
        scores.append(2 * hit / (named + meant))
    return float(np.mean(scores))
