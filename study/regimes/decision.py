"""The decision list: from draws of two errors to probabilities of the regimes (definitions, version 1)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from fitscape.study.config import RegimeThresholds
from fitscape.study.records import Regime
from fitscape.study.regimes.skill import Array

DECIDABLE: Final = (Regime.DIVERGED, Regime.UNTRAINED, Regime.GOOD, Regime.OVERFIT, Regime.UNDERFIT)
BIAS_LIMIT: Final = 0.5  # share of the excess from which bias, not the gap, is what holds a net back


@dataclass(frozen=True)
class Skills:
    """u(E_tr) and u(E_va) of T trials in R draws, [T, R]. Any tau can be asked of the same skills."""

    train: Array
    val: Array


def probabilities(skills: Skills, thresholds: RegimeThresholds) -> Array:
    """Shares of the draws that fall in each regime, [T, 5] in the order of ``DECIDABLE``; rows sum to 1.

    Untrained if u(E_tr) >= ``untrained``; else good if u(E_va) <= tau; else overfit if the bias
    B = max(0, u(E_tr)) is at most half of the excess u(E_va); else underfit. Interpolating nets with small
    excess stay good (Zhang et al. 2017; Belkin et al. 2019). Divergence is decided before there are draws.
    """
    untrained = skills.train >= thresholds.untrained
    good = ~untrained & (skills.val <= thresholds.tau)
    open_ = ~(untrained | good)
    overfit = open_ & (np.maximum(skills.train, 0) <= BIAS_LIMIT * skills.val)
    shares = [np.zeros(len(untrained))]
    shares += [mask.mean(axis=1) for mask in (untrained, good, overfit, open_ & ~overfit)]
    return np.stack(shares, axis=1)


def regime_of(row: Array, confidence: float) -> Regime:
    """The likeliest regime of one row of :func:`probabilities`, or undecided below ``confidence``."""
    likeliest = int(np.argmax(row))
    return DECIDABLE[likeliest] if row[likeliest] >= confidence else Regime.UNDECIDED


def split_excess(train_skill: ArrayLike, val_skill: ArrayLike) -> tuple[Array, Array, Array]:
    """(B, V, bias share) of skills: u(E_va) = B + V with B = max(0, u(E_tr)) (Ng's split made exact).

    The share is NaN where there is no excess to explain.
    """
    b = np.maximum(train_skill, 0.0)
    excess = np.asarray(val_skill, dtype=float)
    share = np.where(excess > 0, np.clip(b / np.where(excess > 0, excess, 1.0), 0, 1), np.nan)
    return b, excess - b, share
