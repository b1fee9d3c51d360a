"""From errors to regimes: the soft-floored logit scale, and the decision list as probabilities.

Why it is so: docs/decisions/0005-map-and-search.md. All errors here are on the scale of clean labels: under
symmetric label noise the training error is first put back on that scale by :func:`denoise`, which leaves every
skill unit unchanged.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

Array = NDArray[np.float64]

REGIMES = ("diverged", "good", "overfit", "underfit")  # columns of every probability array; diverged
#                                                        holds untrained as well
SMALLEST_FLOOR = 2.5e-3  # a reference error of zero still has a finite floor
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


def denoise(error: Array, flip_rate: Array | float, chance: float) -> Array:
    """Error against the clean labels, of the error against labels flipped symmetrically at ``flip_rate``.

    Inverts E' = eta + E (1 - eta K / (K - 1)) with K / (K - 1) = 1 / chance for balanced classes. A net that
    memorizes flipped labels comes out below zero and is clipped.
    """
    rate = np.asarray(flip_rate, dtype=float)
    return np.clip((error - rate) / np.maximum(1 - rate / chance, 1e-3), 0, 1)


@dataclass(frozen=True)
class Cuts:
    """The decision list's numbers, and where they lie on the soft-floored logit scale z."""

    chance: float  # error of always answering the most frequent class
    reference: float  # best reachable validation error
    tau: float = 0.05
    untrained: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.reference < self.chance < 1:
            raise ValueError(
                f"reference error {self.reference:g} and chance error {self.chance:g} must obey "
                "0 <= reference < chance < 1"
            )

    @cached_property
    def floor(self) -> float:
        return float(logit(max(self.reference / 2, SMALLEST_FLOOR)))

    def z(self, error: Array | float) -> Array:
        """l0 + log(1 + exp(logit E - l0)): a logit that stops falling at half the reference error."""
        with np.errstate(divide="ignore"):
            return self.floor + np.logaddexp(0, logit(np.clip(error, 0, 1 - 1e-9)) - self.floor)

    def slope(self, error: Array) -> Array:
        """dz / d logit E, which is 0 far below the floor and 1 far above."""
        with np.errstate(divide="ignore"):
            return expit(logit(np.clip(error, 0, 1 - 1e-9)) - self.floor)

    def error(self, z: Array) -> Array:
        """The inverse of :meth:`z`; 0 at and below the floor."""
        above = np.maximum(z - self.floor, 1e-12)
        return expit(self.floor + above + np.log(-np.expm1(-above)))

    def at_skill(self, u: float) -> float:
        """The error whose skill unit is ``u``: 0 is the reference, 1 is chance."""
        return self.reference + u * (self.chance - self.reference)

    @cached_property
    def z_good(self) -> float:
        return float(self.z(self.at_skill(self.tau)))

    @cached_property
    def z_untrained(self) -> float:
        return float(self.z(self.at_skill(self.untrained)))

    def z_half(self, z_val: Array) -> Array:
        """Train z at which half of the excess validation error is bias: below overfit, above underfit."""
        return self.z((self.reference + np.maximum(self.error(z_val), self.reference)) / 2)

    def labels(self, train_error: Array, val_error: Array, diverged: NDArray[np.bool_]) -> NDArray[np.str_]:
        """The decision list on exact errors, [n] names out of REGIMES."""
        span = self.chance - self.reference
        excess = (val_error - self.reference) / span
        bias = np.maximum(0, (train_error - self.reference) / span)
        rules = [
            diverged | ~np.isfinite(train_error + val_error),
            bias >= self.untrained,
            excess <= self.tau,
            bias <= excess / 2,
        ]
        return np.select(rules, ["diverged", "diverged", "good", "overfit"], "underfit")


def regime_probabilities(
    cuts: Cuts, val_mean: Array, val_sd: Array, train_mean: Array, train_sd: Array, p_diverged: Array
) -> Array:
    """[..., 4] probabilities in the order of REGIMES, for independent normal z of validation and training.

    P(good) is exact; past the good threshold, the cut between overfit and underfit depends on z_val, which is
    integrated by 6 Gauss-Legendre nodes over its truncated distribution.
    """
    learned = ndtr((cuts.z_untrained - train_mean) / train_sd)
    not_good = ndtr((val_mean - cuts.z_good) / val_sd)
    quantiles = np.clip(1 - not_good[..., None] * NODES, 0, 1 - 1e-12)
    z_val = np.maximum(val_mean[..., None] + val_sd[..., None] * ndtri(np.maximum(quantiles, 1e-300)), cuts.z_good)
    half = np.minimum(cuts.z_half(np.minimum(z_val, 30)), cuts.z_untrained)
    below = ndtr((half - train_mean[..., None]) / train_sd[..., None]) @ WEIGHTS
    trained = 1 - p_diverged
    good = trained * learned * (1 - not_good)
    overfit = trained * not_good * below
    underfit = trained * not_good * np.maximum(learned - below, 0)
    return np.stack([1 - good - overfit - underfit, good, overfit, underfit], axis=-1)
