"""Hand-made records for the tests of labels and findings."""

from typing import Any

import numpy as np

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord, TrialRecord, TrialState


def make_epoch(train: float, val: float, **given: Any) -> EpochRecord:
    """One epoch with these errors; losses follow the errors unless given."""
    fields: dict[str, Any] = {
        "epoch": 10,
        "step": 1000,
        "time": 0.0,
        "train_loss": 2.3 * train,
        "train_error": train,
        "val_loss": 2.3 * val,
        "val_error": val,
        "train_n": 2000,
        "val_n": 2000,
        "val_loss_a": 2.3 * val,
        "val_loss_b": 2.3 * val,
        "val_error_a": val,
        "val_error_b": val,
        "batch_loss": 2.3 * train,
        "learning_rate": 0.1,
        "train_seconds": 1.0,
        "eval_seconds": 0.1,
        "images_per_second": 1000.0,
        "peak_memory_mib": 100.0,
    }
    return EpochRecord(**{**fields, **given})


def make_trial(
    hyperparameters: dict[str, Any], *epochs: EpochRecord, state: TrialState = TrialState.FINISHED, **given: Any
) -> TrialRecord:
    """A trial of these hyperparameters and records."""
    config = TrialConfig().with_hyperparameters(hyperparameters)
    return TrialRecord(
        **{
            "number": 0,
            "trial_id": config.trial_id,
            "config": config,
            "hyperparameters": hyperparameters,
            "origin": "enqueue",
            "state": state,
            "epochs": epochs,
            **given,
        }
    )


def noisy_epoch(
    rng: np.random.Generator,
    train: float,
    val: float,
    *,
    train_n: int = 2000,
    val_n: int = 2000,
    train_sd: float = 0.43,
    val_sd: float = 0.23,
    correlation: float = 0.9,
    **given: Any,
) -> EpochRecord:
    """What one run at these true errors would record: seed noise on the logits, then images."""

    def of_this_seed(error: float, shift: float) -> float:
        error = min(max(error, 1e-6), 1 - 1e-6)
        return float(1 / (1 + np.exp(-np.log(error / (1 - error)) - shift)))

    z, own = rng.standard_normal(2)
    z_val = correlation * z + np.sqrt(1 - correlation**2) * own

    half = val_n // 2
    val_now = of_this_seed(val, val_sd * z_val)
    a, b = rng.binomial(val_n - half, val_now) / (val_n - half), rng.binomial(half, val_now) / half
    return make_epoch(
        rng.binomial(train_n, of_this_seed(train, train_sd * z)) / train_n,
        (a * (val_n - half) + b * half) / val_n,
        train_n=train_n,
        val_n=val_n,
        val_error_a=a,
        val_error_b=b,
        **given,
    )
