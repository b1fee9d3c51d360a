"""Records of trials that never ran, with the truth beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
from scipy.special import expit, logit

from fitscape.study.config import TrialConfig
from fitscape.study.findings import Context
from fitscape.study.records import EpochRecord, Label, ModelSize, Regime, TrialRecord, TrialState

CLASSES: Final = 10
CHANCE: Final = 0.9
IMAGES: Final = 2000  # behind each error
CONTEXT: Final = Context(classes=CLASSES, chance_error=CHANCE)


@dataclass(frozen=True)
class Planted:
    """A study and what is true of it.

    ``effects``: part of a claim -> the true effect, in the unit and the direction of the finding's estimate; the
    first part that the claim holds counts. A claim that holds none is not judged.
    """

    trials: Sequence[TrialRecord]
    effects: Mapping[str, float]
    labels: Mapping[str, Label] = field(default_factory=dict)

    def effect(self, claim: str) -> float | None:
        return next((effect for part, effect in self.effects.items() if part in claim), None)


def epoch(train: float, val: float, **given: Any) -> EpochRecord:
    """One epoch with these errors on both halves of validation; losses follow the errors unless given."""
    fields: dict[str, Any] = {
        "epoch": 10, "step": 1000, "time": 0.0, "train_loss": 2.3 * train, "train_error": train,
        "val_loss": 2.3 * val, "val_error": val, "train_n": IMAGES, "val_n": IMAGES, "val_loss_a": 2.3 * val,
        "val_loss_b": 2.3 * val, "val_error_a": val, "val_error_b": val, "batch_loss": 2.3 * train,
        "learning_rate": 0.1, "train_seconds": 1.0, "eval_seconds": 0.1, "images_per_second": 1000.0,
        "peak_memory_mib": 100.0,
    }  # fmt: skip
    return EpochRecord(**{**fields, **given})


def measured(rng: np.random.Generator, train: float, val: float, **given: Any) -> EpochRecord:
    """What a run with these true errors records: its images are drawn, half A and half B apart."""
    half = IMAGES // 2
    a, b = rng.binomial(half, [val, val]) / half
    return epoch(rng.binomial(IMAGES, train) / IMAGES, (a + b) / 2, val_error_a=a, val_error_b=b, **given)


def moved(error: float, logits: float) -> float:
    """An error after a shift of its logit."""
    return float(expit(logit(error) + logits))


def trial(
    hyperparameters: dict[str, Any],
    *epochs: EpochRecord,
    origin: str = "grid",
    state: TrialState = TrialState.FINISHED,
    size: ModelSize | None = None,
    **given: Any,
) -> TrialRecord:
    config = _base().with_hyperparameters(hyperparameters)
    return TrialRecord(
        number=0,
        trial_id=config.trial_id,
        config=config,
        hyperparameters=hyperparameters,
        origin=origin,
        state=state,
        epochs=epochs,
        size=size,
        **given,
    )


@cache
def _base() -> TrialConfig:
    return TrialConfig()


def label(one: TrialRecord, stalled: bool) -> Label:
    """A label that says whether the net trained, which is all that findings ask of one."""
    regime = Regime.DIVERGED if one.state is TrialState.DIVERGED else Regime.UNTRAINED if stalled else Regime.GOOD
    return Label(
        trial_id=one.trial_id,
        epoch=10,
        regime=regime,
        probability=1.0,
        probabilities={r.value: float(r is regime) for r in Regime if r is not Regime.UNDECIDED},
        train_excess=1.0 if stalled else 0.0,
        gap_excess=0.0,
        bias_share=0.0,
        flags=(),
        thresholds_version=1,
        tau=0.05,
        reference_error=0.05,
        chance_error=CHANCE,
    )
