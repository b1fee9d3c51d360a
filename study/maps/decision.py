"""The regimes' law on the map's scale: the soft-floored logit z, and the law integrated over beliefs about z.

Why it is so: docs/decisions/0005-map-and-search.md. All errors here are on the scale of clean labels: a training
error measured against noisy labels is replaced by the clean one of equal skill (``Scale.denoised``).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from fitscape.study.regimes.rule import BIAS_LIMIT, DECIDABLE, Scale, regimes

Array = NDArray[np.float64]

REGIMES = tuple(regime.value for regime in DECIDABLE)  # columns of every probability array
SMALLEST_FLOOR = 2.5e-3  # a reference error of zero still has a finite floor
LARGEST_ERROR = 1 - 1e-9  # one whose logit is finite
REACH = 3.0  # standard deviations around the known training error within which the cut's course matters
NEGLIGIBLE = 1e-6  # probability of a panel that is not worth its nodes
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


@dataclass(frozen=True)
class Cuts(Scale):
    """The decision list's numbers, and where they lie on the soft-floored logit scale z."""

    reference: float
    tau: float = 0.05
    untrained: float = 0.9
    anchor: float | None = None  # the reference error that the scale's floor was fitted with; None: ``reference``

    @cached_property
    def floor(self) -> float:
        lowest = float(self.at_skill(0)) if self.anchor is None else self.anchor
        return float(logit(max(lowest / 2, SMALLEST_FLOOR)))

    @property
    def least(self) -> float:
        """The error at the floor: what lies below it the scale does not tell apart."""
        return float(expit(self.floor))

    def referred(self, reference: float) -> Self:
        """Another reference error on the same scale, which needs no refit."""
        anchor = float(self.at_skill(0)) if self.anchor is None else self.anchor
        return replace(self, reference=reference, anchor=anchor)

    def z(self, error: Array | float) -> Array:
        """l0 + log(1 + exp(logit E - l0)): a logit that stops falling at half the reference error."""
        with np.errstate(divide="ignore"):
            return self.floor + np.logaddexp(0, logit(np.clip(error, 0, LARGEST_ERROR)) - self.floor)

    def slope(self, error: Array) -> Array:
        """dz / d logit E, which is 0 far below the floor and 1 far above."""
        with np.errstate(divide="ignore"):
            return expit(logit(np.clip(error, 0, LARGEST_ERROR)) - self.floor)

    def error(self, z: Array) -> Array:
        """The inverse of :meth:`z`; 0 at and below the floor."""
        above = np.maximum(z - self.floor, 1e-12)
        return expit(self.floor + above + np.log(-np.expm1(-above)))

    @cached_property
    def z_good(self) -> float:
        return float(self.z(self.at_skill(self.tau)))

    @cached_property
    def z_untrained(self) -> float:
        return float(self.z(self.at_skill(self.untrained)))

    def z_half(self, z_val: Array) -> Array:
        """Train z at which half of the excess validation error is bias: below overfit, above underfit."""
        return self.z(self.at_skill(BIAS_LIMIT * np.maximum(self.val_skill(self.error(z_val)), 0)))

    def z_double(self, z_train: Array) -> Array:
        """The inverse of :meth:`z_half`: validation z whose excess is half bias at this training z."""
        return self.z(self.at_skill(np.maximum(self.val_skill(self.error(z_train)), 0) / BIAS_LIMIT))

    def labels(
        self, train_error: Array, val_error: Array, diverged: NDArray[np.bool_] | bool = False
    ) -> NDArray[np.str_]:
        """The decision list on exact clean errors [n]: names [n] out of REGIMES."""
        skills = self.val_skill(train_error), self.val_skill(val_error)
        codes = regimes(*skills, tau=self.tau, untrained=self.untrained)
        return np.array(REGIMES)[np.where(diverged, REGIMES.index("diverged"), codes)]


def regime_probabilities(
    cuts: Cuts, val_mean: Array, val_sd: Array, train_mean: Array, train_sd: Array, p_diverged: Array
) -> Array:
    """[..., 5] probabilities in the order of REGIMES, for independent normal z of validation and training.

    P(good) is exact. Past the good threshold the cut between overfit and underfit depends on z_val, over whose
    truncated distribution it is integrated (:func:`_overfit`).
    """
    learned = ndtr((cuts.z_untrained - train_mean) / train_sd)
    not_good = ndtr((val_mean - cuts.z_good) / val_sd)
    overfit = _overfit(cuts, val_mean, val_sd, train_mean, train_sd, not_good)
    good = learned * (1 - not_good)
    underfit = np.maximum(learned * not_good - overfit, 0)
    untrained = np.maximum(1 - good - overfit - underfit, 0)
    finite = (1 - p_diverged) * np.stack([untrained, good, overfit, underfit])
    return np.stack([1 - finite.sum(0), *finite], axis=-1)


def _overfit(cuts: Cuts, val_mean: Array, val_sd: Array, train_mean: Array, train_sd: Array, not_good: Array) -> Array:
    """P(z_val past the good threshold, z_train below half of it), for normal z.

    Gauss-Legendre over the probability of z_val, 4 nodes in each of 4 panels. Where the training error is well
    known the integrand is a step, so panels end where half(z_val) is its mean and ``REACH`` standard deviations to
    either side.
    """
    steps = [cuts.z_double(train_mean + k * REACH * train_sd) for k in (-1, 0, 1)]
    beyond = [np.minimum(ndtr((val_mean - z) / val_sd), not_good) for z in steps]
    ends = np.stack([not_good, *beyond, np.zeros_like(not_good)])
    width = ends[:-1] - ends[1:]
    mass = np.zeros_like(width)
    panels = width > NEGLIGIBLE

    def of_panels(values: Array) -> Array:
        return np.broadcast_to(values, width.shape)[panels][:, None]

    tail = ends[1:][panels][:, None] + width[panels][:, None] * NODES
    z_val = of_panels(val_mean) - of_panels(val_sd) * ndtri(tail)
    half = np.minimum(cuts.z_half(z_val), cuts.z_untrained)
    mass[panels] = width[panels] * (ndtr((half - of_panels(train_mean)) / of_panels(train_sd)) @ WEIGHTS)
    return np.asarray(mass.sum(0))
