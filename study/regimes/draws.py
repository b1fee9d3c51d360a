"""Draws of uncertain errors from standard draws that all trials share.

Shared draws make a label independent of the other trials and of their order, make the probability of *good*
monotone in tau, and let thousands of trials be drawn in array arithmetic.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fitscape.study.regimes.rule import Array

DRAWS: Final = 2000


@dataclass(frozen=True)
class StandardBeta:
    """What Jeffreys posteriors of any counts are made from: two normals, two log uniforms, [R] each."""

    normals: tuple[Array, Array]
    log_uniforms: tuple[Array, Array]

    def logits(self, errors: Array, images: Array) -> Array:
        """Logits [T, R] of Beta(k + 1/2, n - k + 1/2) for counts k [T] of n [T]; increasing in k."""
        return self._log_gamma(0, errors + 0.5) - self._log_gamma(1, images - errors + 0.5)

    def _log_gamma(self, part: int, shape: Array) -> Array:
        """log of Gamma(shape) draws: Wilson and Hilferty's cube (1931) at shape + 1 >= 1.5, where it is good,
        brought down by Gamma(a) = Gamma(a + 1) U^(1/a)."""
        a = shape[:, None] + 1
        cube = self.normals[part] * (1 / (3 * np.sqrt(a)))
        cube += 1 - 1 / (9 * a)
        np.maximum(cube, 1e-3, out=cube)
        log_gamma: Array = np.log(cube, out=cube)
        log_gamma *= 3
        log_gamma += np.log(a)
        log_gamma += self.log_uniforms[part] / shape[:, None]
        return log_gamma


@dataclass(frozen=True)
class StandardDraws:
    """Sampling and seed noise of train, validation and reference errors; seeded, [R] each."""

    train: StandardBeta
    val: StandardBeta
    reference: StandardBeta
    train_seed: Array
    val_seed: Array
    reference_seed: Array

    def seeds(self, correlation: float) -> tuple[Array, Array]:
        """Standard normals [R] of the seed's effect on training and on validation error."""
        return self.train_seed, correlation * self.train_seed + np.sqrt(1 - correlation**2) * self.val_seed


def standard_draws(seed: int, draws: int = DRAWS) -> StandardDraws:
    """The study's standard draws; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)

    def beta() -> StandardBeta:
        normal, exponential = rng.standard_normal((2, draws)), rng.standard_exponential((2, draws))
        return StandardBeta((normal[0], normal[1]), (-exponential[0], -exponential[1]))

    train, val, reference = beta(), beta(), beta()
    train_seed, val_seed, reference_seed = rng.standard_normal((3, draws))
    return StandardDraws(train, val, reference, train_seed, val_seed, reference_seed)
