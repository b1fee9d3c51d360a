"""The kernel of the map's Gaussian processes, its prior, and their log posterior: Matern-5/2 ARD plus a plane.

References: Rasmussen and Williams 2006, chapters 2.7, 4 and 5; the priors on length scales follow
Hvarfner et al. 2024 (a log-normal that grows with the root of the dimension).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from fitscape.study.maps.triangular import inverse_of

Array = NDArray[np.float64]

JITTER = 1e-8
ROOT5 = np.sqrt(5.0)
BLOCK = 65_536  # covariances that are computed together: what they pass through stays in a processor's cache
SCALE_BOUNDS, SIGNAL_BOUNDS, NOISE_BOUNDS = np.log([[0.03, 30.0], [0.02, 200.0], [1e-4, 2.0]])


@dataclass(frozen=True)
class Prior:
    """What is believed before any data, in units of the standardized targets."""

    constant: float = 1.0  # variance of the mean
    slope: float = 1.0  # variance of the mean's slope along each feature
    scale: float = 0.5  # median length scale with one feature; grows with the root of their number
    scale_sd: float = 0.5  # of its logarithm
    signal: float = 1.0  # median signal variance
    noise: float = 0.05  # median seed-noise variance; 0: there is none beside the known noise
    group: float = 0.05  # median variance of what the rows of one group share

    def trend(self, a: Array, b: Array) -> Array:
        """[n, m] covariance of a constant plus a plane over the features."""
        found: Array = self.slope * (a - 0.5) @ (b - 0.5).T
        found += self.constant
        return found

    def centre(self, features: int) -> Array:
        """Mode of Hyper.vector."""
        scale = np.log(self.scale) + 0.5 * np.log(max(features, 1))
        noise = np.log(self.noise) if self.noise else NOISE_BOUNDS[0]
        return np.concatenate([np.full(features, scale), [np.log(self.signal), noise, np.log(self.group)]])

    def spread(self, features: int) -> Array:
        return np.concatenate([np.full(features, self.scale_sd), [1.0, 1.5, 1.5]])

    def bounds(self, features: int) -> list[tuple[float, float]]:
        noise = NOISE_BOUNDS if self.noise else (NOISE_BOUNDS[0], NOISE_BOUNDS[0])
        rest = [SIGNAL_BOUNDS, noise, NOISE_BOUNDS]
        return [(float(low), float(high)) for low, high in [SCALE_BOUNDS] * features + rest]


@dataclass(frozen=True)
class Hyper:
    """Logarithms of the length scales [features] and of three variances."""

    scales: Array
    signal: float
    noise: float  # of the seed, independent from row to row
    group: float  # of what the rows of one group share; without groups it stays where it is

    @property
    def vector(self) -> Array:
        return np.concatenate([self.scales, [self.signal, self.noise, self.group]])

    @classmethod
    def of(cls, vector: Array) -> "Hyper":
        return cls(vector[:-3].copy(), *(float(v) for v in vector[-3:]))


def matern(hyper: Hyper, a: Array, b: Array) -> Array:
    """[n, m] covariance without the trend."""
    scaled_a, scaled_b = ROOT5 * a / np.exp(hyper.scales), ROOT5 * b / np.exp(hyper.scales)
    square_a, square_b = (scaled_a**2).sum(1)[:, None], (scaled_b**2).sum(1)[None, :]
    found, scaled_b = np.empty((len(a), len(b))), -2 * scaled_b.T
    each = max(64, BLOCK // max(len(b), 1) // 64 * 64)  # rows, as many as products of matrices are cut into
    for start in range(0, len(a), each):
        rows = slice(start, start + each)
        squared = scaled_a[rows] @ scaled_b
        squared += square_a[rows]
        squared += square_b
        found[rows] = _decayed(squared, float(np.exp(hyper.signal)))
    return found


def _decayed(r: Array, signal: float) -> Array:
    """The covariances of so large a variance at these squares of scaled distances, which are overwritten."""
    np.maximum(r, 0, out=r)
    np.sqrt(r, out=r)
    covariance = np.negative(r)
    np.exp(covariance, out=covariance)
    covariance *= signal
    square = r * r
    square /= 3
    r += 1
    r += square
    covariance *= r
    return covariance


def negative_log_posterior(
    vector: Array, prior: Prior, squares: Array, mean: Array, same: Array | None, y: Array, known: Array
) -> tuple[float, Array]:
    """Value and gradient over Hyper.vector; ``squares`` are the squared differences [features, n, n], ``mean``
    the trend's covariance and ``same`` 1 where two rows are of one group [n, n].
    """
    features = len(vector) - 3
    inverse_square = np.exp(-2 * vector[:features])
    square = np.tensordot(inverse_square, squares, 1)
    r = ROOT5 * np.sqrt(square)
    decay = np.exp(vector[-3]) * np.exp(-r)
    noise, group = np.exp(vector[-2:])
    signal = decay * (1 + r + 5 / 3 * square)
    covariance = signal + mean
    if same is not None:
        covariance += group * same
    covariance[np.diag_indices(len(y))] += known + noise + JITTER
    factor = cholesky(covariance, lower=True, check_finite=False)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * y @ alpha + np.log(np.diag(factor)).sum()
    residue = inverse_of(factor) - np.outer(alpha, alpha)
    weighted = residue * (decay * (1 + r)) * (5 / 3)
    gradient = np.zeros(features + 3)
    gradient[:features] = 0.5 * inverse_square * np.tensordot(squares, weighted, 2)
    gradient[-3] = 0.5 * (residue * signal).sum()
    gradient[-2] = 0.5 * noise * np.trace(residue)
    if same is not None:
        gradient[-1] = 0.5 * group * (residue * same).sum()
    deviation = (vector - prior.centre(features)) / prior.spread(features)
    return float(value + 0.5 * deviation @ deviation), gradient + deviation / prior.spread(features)
