"""Records made by hand, so that a test states only what it is about."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.ledger import Ledger
from fitscape.study.records import EpochRecord, Label, Regime, TrialState

NOON = 1_700_000_000.0  # a fixed time, seconds since the Unix epoch


def epoch_record(epoch: int = 1, **values: Any) -> EpochRecord:
    """A plausible epoch; ``values`` replace fields."""
    plausible: dict[str, Any] = {
        "epoch": epoch,
        "step": 10 * epoch,
        "time": NOON + epoch,
        "train_loss": 1 / epoch,
        "train_error": 0.4 / epoch,
        "val_loss": 1.2 / epoch,
        "val_error": 0.5 / epoch,
        "train_n": 100,
        "val_n": 50,
        "val_loss_a": 1.2 / epoch,
        "val_loss_b": 1.3 / epoch,
        "val_error_a": 0.5 / epoch,
        "val_error_b": 0.5 / epoch,
        "batch_loss": 1 / epoch,
        "learning_rate": 0.1,
        "train_seconds": 1.0,
        "eval_seconds": 0.25,
        "images_per_second": 1000.0,
        "peak_memory_mib": 64.0,
        "gradient_ratio": 0.5,
    }
    return EpochRecord(**plausible | values)


def new_ledger(folder: Path, name: str = "by-hand") -> Ledger:
    """An empty study named ``name`` in ``folder``."""
    return Ledger.create(folder / "ledger.db", StudyConfig(name=name), {"data_fingerprint": "abc123"})


def run_by_hand(
    ledger: Ledger, seed: int = 0, epochs: int = 2, end: TrialState | None = TrialState.FINISHED, **hyperparameters: Any
) -> str:
    """Add, start, measure and (unless ``end`` is None) end one trial; its id."""
    trial_id = ledger.add_trial(
        TrialConfig(seed=seed).with_hyperparameters(hyperparameters), {"seed": seed, **hyperparameters}, "enqueue"
    ).trial_id
    ledger.start_attempt(trial_id, "here", "cpu")
    for epoch in range(1, epochs + 1):
        ledger.record_epoch(trial_id, epoch_record(epoch))
    if end is not None:
        ledger.end_trial(trial_id, end)
    return trial_id


def label(trial_id: str, regime: Regime, epoch: int = 2) -> Label:
    """A decided label under the default thresholds."""
    return Label(
        trial_id=trial_id,
        epoch=epoch,
        regime=regime,
        probability=0.97,
        probabilities={regime.value: 0.97},
        train_excess=0.1,
        gap_excess=0.2,
        bias_share=0.3,
        flags=("mixed",),
        thresholds_version=1,
        tau=0.05,
        reference_error=0.1,
        chance_error=0.9,
    )


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Return once ``condition()`` holds; fail the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
