"""The one law of the regimes (definitions, version 1): noise -> scale -> skill -> regime, and its constants.

Labels draw errors and ask this law of each draw; the map and the sampler integrate it over what they believe. All
functions take arrays of any shape that broadcast, and are pure.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord, Regime

Array: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int8]  # indices into DECIDABLE

DECIDABLE: Final = (Regime.DIVERGED, Regime.UNTRAINED, Regime.GOOD, Regime.OVERFIT, Regime.UNDERFIT)
BIAS_LIMIT: Final = 0.5  # share of the excess from which bias, not the gap, is what holds a net back
MIXED: Final = (1 / 3, 2 / 3)  # shares of bias between which both hold it back

# Where noise or an unlearnable task leaves nothing between reference and chance, a skill unit is at least
# this share of the chance error: a net at chance stays at 1, one that memorizes falls far below 0.
LEAST_SPAN: Final = 0.05
# What stands in where a study has no replicates, with the weight of so many degrees of freedom where it has:
# standard deviations over seeds of the logit errors, and their correlation between training and validation
# error, measured on small nets. A net that trains badly under one seed does badly on both.
PRIOR_TRAIN_SD: Final = 0.43
PRIOR_VAL_SD: Final = 0.23
PRIOR_CORRELATION: Final = 0.8
PRIOR_DF: Final = 4.0
CONFLICT: Final = 3.0  # standard deviations from all other evidence at which a run is labelled by itself alone
NEARLY: Final = 1e-3  # of an image: what is left of a count when its share was written down in 7 digits


def count(error: ArrayLike, n: ArrayLike) -> Array:
    """Wrong ones of ``n`` images: a whole number but where ``n`` is an effective number of images."""
    errors = np.multiply(error, n, dtype=float)
    whole = np.rint(errors)
    return np.asarray(np.where(np.abs(errors - whole) < NEARLY, whole, errors))


def rate(error: ArrayLike, n: ArrayLike) -> Array:
    """Jeffreys' estimate (k + 1/2) / (n + 1) of an error rate measured on ``n`` images; never 0 or 1."""
    return (count(error, n) + 0.5) / (np.asarray(n, dtype=float) + 1)


def flip_rate(config: TrialConfig, record: EpochRecord | None, classes: float) -> float:
    """Share of the training labels that are wrong: as realised on the train probe, else as expected.

    A label that is redrawn uniformly over all K classes hits the true one 1 time in K.
    """
    if record is not None and record.flipped_n and record.train_n:
        return min(record.flipped_n / record.train_n, 1.0)
    return config.data.label_noise * (classes - 1) / classes


def to_noisy(error: ArrayLike, flipped: ArrayLike, classes: float) -> Array:
    """Error against clean labels -> expected error against labels with symmetric noise.

    ``E' = eta + E (1 - eta K / (K - 1))``, eta the share of flipped labels.
    """
    eta = np.asarray(flipped, dtype=float)
    if not eta.any():  # with one class alone there is no other label to flip to
        return np.asarray(error, dtype=float) + eta
    return np.asarray(eta + np.asarray(error, dtype=float) * (1 - eta * classes / (classes - 1)))


def balanced(chance: float) -> float:
    """The number of classes, all equally frequent, whose chance error this is."""
    return 1 / (1 - chance)


@dataclass(frozen=True)
class Scale:
    """Errors in skill units u: 0 at the reference error, 1 at chance.

    Measured from chance, so that it stays meaningful where the span to the reference closes.

    Raises:
        ValueError: an error rate outside of 0 to 1, or a chance error of 0.
    """

    chance: float  # error of always answering the most frequent class, on validation
    reference: float | Array  # validation error to measure against; an array holds draws of it
    classes: float | None = field(default=None, kw_only=True)  # None: balanced, as many as ``chance`` says

    def __post_init__(self) -> None:
        if not 0 < self.chance <= 1:
            raise ValueError(f"chance error {self.chance:g} must lie between 0 and 1, 0 excluded")
        reference = np.asarray(self.reference)
        if ((reference < 0) | (reference > 1)).any():
            raise ValueError(f"reference error {reference.min():g} must lie between 0 and 1")

    @property
    def span(self) -> Array:
        """What one skill unit is worth, in errors against clean labels."""
        return np.asarray(np.maximum(self.chance - np.asarray(self.reference, dtype=float), LEAST_SPAN * self.chance))

    def val_skill(self, error: ArrayLike) -> Array:
        """u(E_va) = (E_va - E_ref) / (c - E_ref) of errors against clean labels.

        Bringing all three errors to the noisy scale would give the same number, since that map is affine.
        """
        return np.asarray(1 + (np.asarray(error, dtype=float) - self.chance) / self.span)

    def train_skill(self, error: ArrayLike, flipped: ArrayLike) -> Array:
        """u(E_tr) of errors against labels of which the share ``flipped`` is wrong; chance and reference are
        brought to their scale.
        """
        at_chance = self._noisy(self.chance, flipped)
        return np.asarray(1 + (np.asarray(error, dtype=float) - at_chance) / self._noisy_span(flipped))

    def at_skill(self, skill: ArrayLike) -> Array:
        """The error against clean labels that has this skill: the inverse of :meth:`val_skill`."""
        return np.asarray(self.chance + (np.asarray(skill, dtype=float) - 1) * self.span)

    def denoised(self, error: ArrayLike, flipped: ArrayLike) -> tuple[Array, Array]:
        """The error against clean labels that has the skill of a training error, and its derivative by that.

        A net that memorizes flipped labels comes out below 0, where no error is, but with the right skill.
        """
        steepness = self.span / self._noisy_span(flipped)
        return self.at_skill(self.train_skill(error, flipped)), np.asarray(steepness)

    def _noisy(self, error: ArrayLike, flipped: ArrayLike) -> Array:
        if self.classes is not None:
            return to_noisy(error, flipped, self.classes)
        eta = np.asarray(flipped, dtype=float)  # balanced: K / (K - 1) = 1 / c
        return np.asarray(eta + np.asarray(error, dtype=float) * (1 - eta / self.chance))

    def _noisy_span(self, flipped: ArrayLike) -> Array:
        span = self._noisy(self.chance, flipped) - self._noisy(self.reference, flipped)
        return np.asarray(np.maximum(span, LEAST_SPAN * self.chance))


def regimes(train_skill: Array, val_skill: Array, *, tau: float, untrained: float) -> Codes:
    """The decision list, as indices into ``DECIDABLE``.

    Diverged where a skill is no finite number; else untrained if u(E_tr) >= ``untrained``; else good if
    u(E_va) <= ``tau``; else overfit if the bias B = max(0, u(E_tr)) is at most half of the excess u(E_va); else
    underfit. Interpolating nets with small excess stay good (Zhang et al. 2017; Belkin et al. 2019).
    """
    overfit = np.maximum(train_skill, 0) <= BIAS_LIMIT * val_skill
    codes = np.where(overfit, np.int8(DECIDABLE.index(Regime.OVERFIT)), np.int8(DECIDABLE.index(Regime.UNDERFIT)))
    codes[val_skill <= tau] = DECIDABLE.index(Regime.GOOD)
    codes[train_skill >= untrained] = DECIDABLE.index(Regime.UNTRAINED)
    codes[~np.isfinite(train_skill + val_skill)] = DECIDABLE.index(Regime.DIVERGED)
    return codes


def shares(codes: Codes) -> Array:
    """[T, 5] shares of the draws [T, R] that fall in each regime, in the order of ``DECIDABLE``; rows sum to 1."""
    return np.stack([(codes == code).mean(axis=1) for code in range(len(DECIDABLE))], axis=1)


def regime_of(row: Array, confidence: float) -> Regime:
    """The likeliest regime of one row of :func:`shares`, or undecided below ``confidence``."""
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
