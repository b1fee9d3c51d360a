"""Flags that stand beside a trial's label. A new one is its test and one entry of ``FLAGS``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fitscape.study.records import EpochRecord, Regime
from fitscape.study.regimes.rule import MIXED
from fitscape.study.regimes.subject import TrialAtEpoch

VANISHING_RATIO: Final = 1e-3
VANISHING_STEPS: Final = 500
INTERPOLATION_ERROR: Final = 0.01
MEMORIZED: Final = 0.5


def vanishing(epochs: Sequence[EpochRecord]) -> bool:
    """Median first-to-last ratio of relative gradient norms below 1/1000 over the first 500 steps.

    The first epoch always counts, however long it is.
    """
    early = [e.gradient_ratio for i, e in enumerate(epochs) if i == 0 or e.step <= VANISHING_STEPS]
    ratios = [r for r in early if r is not None and not np.isnan(r)]
    return bool(ratios) and float(np.median(ratios)) < VANISHING_RATIO


def interpolating(record: EpochRecord, error: float = INTERPOLATION_ERROR) -> bool:
    """Training error, against noisy labels too, at most ``error`` (Nakkiran et al. 2019, section 2)."""
    return record.train_error <= error


def memorizing(record: EpochRecord) -> bool:
    """More than half of the flipped labels are reproduced beyond what unseen images would give.

    Lower end of Newcombe's 95 % interval (1998, method 10) of the difference in shares; False for an epoch
    that did not measure them.
    """
    if record.memorized_train is None or record.memorized_val is None or record.flipped_n == 0:
        return False
    seen, unseen = record.memorized_train, record.memorized_val
    low, _ = _wilson(seen, record.flipped_n)
    _, high = _wilson(unseen, record.val_flipped)
    return seen - unseen - float(np.hypot(seen - low, high - unseen)) > MEMORIZED


def mixed(regime: Regime, bias_share: float) -> bool:
    """Bias and gap share the excess, a third to two thirds each, in a net that trained but is not good."""
    settled = regime in (Regime.GOOD, Regime.UNTRAINED, Regime.DIVERGED)
    return not settled and MIXED[0] <= bias_share <= MIXED[1]


def _wilson(share: float, n: int) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint  # half a second, which no trial has to wait for

    low, high = proportion_confint(round(share * n), n, method="wilson")
    return float(low), float(high)


@dataclass(frozen=True)
class Flag:
    """``holds`` says whether one trial has it, from its regime and the share of bias in its excess.

    None: it comes from comparing trials or epochs (regimes/labels.py).
    """

    meaning: str  # for a person, in a sentence
    holds: Callable[[TrialAtEpoch, Regime, float], bool] | None = None


DEGRADED: Final = (
    "A flag, not a regime: a deeper net trains to a higher error than its shallower twin, although it could copy it. "
    "An overfit net is the opposite: its training error is low and only its error on unseen images is high. "
    "So degradation shows in the training error, overfitting in the gap between the two."
)
FLAGS: Final = {
    "degraded": Flag(DEGRADED),
    "vanishing": Flag(
        "The first layer's relative gradient is below a thousandth of the last layer's early in training.",
        lambda subject, regime, bias_share: vanishing(subject.epochs),
    ),
    "overfit_in_time": Flag("The validation loss rose significantly after its best epoch."),
    "overfit_in_time_error": Flag("The validation error rose significantly after its best epoch."),
    "memorizing": Flag(
        "The net reproduces wrong training labels that unseen images do not explain.",
        lambda subject, regime, bias_share: subject.record is not None and memorizing(subject.record),
    ),
    "interpolating": Flag(
        "The training error is at most 1 %.",
        lambda subject, regime, bias_share: subject.record is not None and interpolating(subject.record),
    ),
    "train_mode": Flag(
        "The training error of this run looks measured in train mode: early on it is above the validation error.",
        lambda subject, regime, bias_share: bool(subject.trial.extra.get("train_mode")),
    ),
    "mixed": Flag(
        "Training error and gap share the blame, a third to two thirds each.",
        lambda subject, regime, bias_share: subject.record is not None and mixed(regime, bias_share),
    ),
}


def flags_of(subject: TrialAtEpoch, regime: Regime, bias_share: float) -> set[str]:
    """The flags that one trial has by itself."""
    return {name for name, flag in FLAGS.items() if flag.holds and flag.holds(subject, regime, bias_share)}
