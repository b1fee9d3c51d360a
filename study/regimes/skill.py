"""Errors on one scale: like with like under label noise, skill units between reference and chance."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitscape.study.config import TrialConfig
from fitscape.study.records import EpochRecord

Array: TypeAlias = NDArray[np.float64]

# Where noise or an unlearnable task leaves nothing between reference and chance, a skill unit is at least
# this share of the chance error: a net at chance stays at 1, one that memorizes falls far below 0.
LEAST_SPAN: Final = 0.05


def rate(error: ArrayLike, n: ArrayLike) -> Array:
    """Jeffreys' estimate (k + 1/2) / (n + 1) of an error rate measured on ``n`` images; never 0 or 1."""
    return (np.rint(np.multiply(error, n)) + 0.5) / (np.asarray(n, dtype=float) + 1)


def flip_rate(config: TrialConfig, record: EpochRecord | None, classes: int) -> float:
    """Share of the training labels that are wrong: as realised on the train probe, else as expected.

    A label that is redrawn uniformly over all K classes hits the true one 1 time in K.
    """
    if record is not None and record.flipped_n and record.train_n:
        return min(record.flipped_n / record.train_n, 1.0)
    return config.data.label_noise * (classes - 1) / classes


def to_noisy(error: ArrayLike, flipped: ArrayLike, classes: int) -> Array:
    """Error against clean labels -> expected error against labels with symmetric noise.

    ``E' = eta + E (1 - eta K / (K - 1))``, eta the share of flipped labels.
    """
    eta = np.asarray(flipped, dtype=float)
    return np.asarray(eta + np.asarray(error, dtype=float) * (1 - eta * classes / (classes - 1)))


def to_clean(error: ArrayLike, flipped: ArrayLike, classes: int) -> Array:
    """Inverse of :func:`to_noisy`; non-finite where every label is noise and nothing can be inferred."""
    eta = np.asarray(flipped, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((np.asarray(error, dtype=float) - eta) / (1 - eta * classes / (classes - 1)))


def train_skill(error: ArrayLike, reference: ArrayLike, chance: float, flipped: ArrayLike, classes: int) -> Array:
    """u(E_tr) of an error measured against noisy labels; reference and chance are brought to its scale."""
    at_chance = to_noisy(chance, flipped, classes)
    return _skill(error, at_chance - to_noisy(reference, flipped, classes), at_chance, chance)


def val_skill(error: ArrayLike, reference: ArrayLike, chance: float) -> Array:
    """u(E_va) = (E_va - E_ref) / (c - E_ref): 0 at the best reachable error, 1 at the majority-class error.

    Validation labels are clean. Bringing all three errors to the noisy scale would give the same number,
    since that map is affine, so nothing is corrected here.
    """
    return _skill(error, chance - np.asarray(reference, dtype=float), np.asarray(chance), chance)


def _skill(error: ArrayLike, span: Array, at_chance: Array, chance: float) -> Array:
    """Measured from chance, so that it stays meaningful where the span closes (all labels random)."""
    unit = np.maximum(span, LEAST_SPAN * chance)
    return np.asarray(1 + (np.asarray(error, dtype=float) - at_chance) / unit)
