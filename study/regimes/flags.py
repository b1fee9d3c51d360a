"""Flags of one trial that stand beside its label: vanishing, memorizing, interpolating, mixed."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fitscape.study.records import EpochRecord, Regime
from fitscape.study.regimes.rule import MIXED

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
