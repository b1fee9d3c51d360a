"""A Gaussian process with a Matern-5/2 ARD kernel, MAP hyperparameters, known noise, and O(n^2) growth.

References: Rasmussen and Williams 2006, chapters 2, 4.2 and 5; the priors on length scales follow
Hvarfner et al. 2024 (a log-normal that grows with the root of the dimension).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

Array = NDArray[np.float64]

CONSTANT = 1.0  # prior variance of the constant mean, in units of the standardized targets
JITTER = 1e-8
ROOT5 = np.sqrt(5.0)
CHUNK = 64  # rows by which the Cholesky buffer grows


@dataclass(frozen=True)
class Hyper:
    """Logarithms of the length scales [features], the signal variance and the seed-noise variance."""

    scales: Array
    signal: float
    noise: float

    @property
    def vector(self) -> Array:
        return np.concatenate([self.scales, [self.signal, self.noise]])

    @classmethod
    def of(cls, vector: Array) -> "Hyper":
        return cls(scales=vector[:-2].copy(), signal=float(vector[-2]), noise=float(vector[-1]))

    @classmethod
    def start(cls, features: int) -> "Hyper":
        return cls(np.full(features, _scale_prior(features)[0]), 0.0, np.log(0.05))


def _scale_prior(features: int) -> tuple[float, float]:
    return float(np.log(0.5) + 0.5 * np.log(max(features, 1))), 1.0


def kernel(hyper: Hyper, a: Array, b: Array) -> Array:
    """[n, m] prior covariance, the constant mean's variance included."""
    scaled_a, scaled_b = a / np.exp(hyper.scales), b / np.exp(hyper.scales)
    square = np.maximum((scaled_a**2).sum(1)[:, None] + (scaled_b**2).sum(1)[None, :] - 2 * scaled_a @ scaled_b.T, 0)
    r = ROOT5 * np.sqrt(square)
    covariance: Array = np.exp(hyper.signal) * (1 + r + 5 / 3 * square) * np.exp(-r) + CONSTANT
    return covariance


def negative_log_posterior(vector: Array, squares: Array, y: Array, known: Array) -> tuple[float, Array]:
    """Value and gradient over Hyper.vector; ``squares`` are the squared differences [features, n, n]."""
    features = len(vector) - 2
    inverse_square = np.exp(-2 * vector[:features])
    square = np.tensordot(inverse_square, squares, 1)
    r = ROOT5 * np.sqrt(square)
    decay = np.exp(vector[-2]) * np.exp(-r)
    noise = np.exp(vector[-1])
    matern = decay * (1 + r + 5 / 3 * square)
    covariance = matern + CONSTANT
    covariance[np.diag_indices(len(y))] += known + noise + JITTER
    factor = cholesky(covariance, lower=True, check_finite=False)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = 0.5 * y @ alpha + np.log(np.diag(factor)).sum()
    inverse = cho_solve((factor, True), np.eye(len(y)), check_finite=False)
    residue = inverse - np.outer(alpha, alpha)
    weighted = residue * (decay * (1 + r)) * (5 / 3)
    gradient = np.empty(features + 2)
    gradient[:features] = 0.5 * inverse_square * (squares.reshape(features, -1) @ weighted.ravel())
    gradient[-2] = 0.5 * (residue * matern).sum()
    gradient[-1] = 0.5 * noise * np.trace(residue)
    centre, spread = _scale_prior(features)
    prior_mean = np.concatenate([np.full(features, centre), [0.0, np.log(0.05)]])
    prior_sd = np.concatenate([np.full(features, spread), [1.0, 1.5]])
    deviation = (vector - prior_mean) / prior_sd
    return float(value + 0.5 * deviation @ deviation), gradient + deviation / prior_sd


class GaussianProcess:
    """Posterior over one output; observations can be appended without refitting.

    ``x`` [n, features], ``y`` [n], ``known`` [n] noise variances that are known beforehand (in y's unit);
    a homogeneous seed noise is fitted on top. Replicates are plain repeated rows.
    """

    def __init__(self, x: Array, y: Array, known: Array, hyper: Hyper | None = None) -> None:
        self.centre = float(y.mean()) if len(y) else 0.0
        self.scale = float(max(y.std(), 1e-3)) if len(y) > 1 else 1.0
        self.hyper = hyper or Hyper.start(x.shape[1])
        self._set(x, (y - self.centre) / self.scale, known / self.scale**2)

    def _set(self, x: Array, y: Array, known: Array) -> None:
        n = self.n = len(y)
        self.x, self.y, self.known = x, y, known
        capacity = (n // CHUNK + 1) * CHUNK
        self._factor = np.asfortranarray(np.eye(capacity))
        if n:
            covariance = kernel(self.hyper, x, x)
            covariance[np.diag_indices(n)] += known + np.exp(self.hyper.noise) + JITTER
            self._factor[:n, :n] = cholesky(covariance, lower=True, check_finite=False)
        self.weights = self.whiten(y)

    @property
    def noise(self) -> float:
        """Fitted seed-noise variance, in y's unit."""
        return float(np.exp(self.hyper.noise)) * self.scale**2

    @property
    def prior_variance(self) -> float:
        """Of the noise-free function, in standardized units."""
        return float(np.exp(self.hyper.signal)) + CONSTANT

    def optimize(self, *, steps: int = 60, subset: int = 400, rng: np.random.Generator | None = None) -> None:
        """Move the hyperparameters uphill from where they are; at most ``subset`` random rows are used."""
        if self.n < 3:
            return
        rows = np.arange(self.n)
        if self.n > subset:
            rows = np.sort((rng or np.random.default_rng(0)).choice(self.n, subset, replace=False))
        x, y, known = self.x[rows], self.y[rows], self.known[rows]
        squares = (x.T[:, :, None] - x.T[:, None, :]) ** 2
        features = x.shape[1]
        bounds = [(np.log(0.03), np.log(30.0))] * features + [(-4.0, 4.0), (np.log(1e-4), np.log(2.0))]
        result = minimize(
            negative_log_posterior,
            self.hyper.vector,
            args=(squares, y, known),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps, "maxfun": 2 * steps},
        )
        self.hyper = Hyper.of(result.x)
        self._set(self.x, self.y, self.known)

    def whiten(self, columns: Array) -> Array:
        """L^-1 columns, [n, ...]; a padded buffer keeps BLAS from copying the factor."""
        padded = np.zeros((len(self._factor), *columns.shape[1:]), order="F")
        padded[: self.n] = columns
        solved: Array = solve_triangular(self._factor, padded, lower=True, check_finite=False, overwrite_b=True)
        return solved[: self.n]

    def append(self, x: Array, y: float, known: float) -> Array:
        """Add one observation; returns the new row [n + 1] of the factor."""
        n = self.n
        cross = kernel(self.hyper, self.x, x[None])[:, 0]
        row = np.zeros(n + 1)
        row[:n] = self.whiten(cross)
        prior = self.prior_variance + known / self.scale**2 + np.exp(self.hyper.noise) + JITTER
        row[n] = np.sqrt(max(prior - row[:n] @ row[:n], 1e-10))
        if n + 1 > len(self._factor):
            larger = np.asfortranarray(np.eye(n + CHUNK))
            larger[:n, :n] = self._factor[:n, :n]
            self._factor = larger
        self._factor[n, : n + 1] = row
        self.x = np.vstack([self.x, x[None]])
        self.y = np.append(self.y, (y - self.centre) / self.scale)
        self.known = np.append(self.known, known / self.scale**2)
        self.weights = np.append(self.weights, (self.y[n] - row[:n] @ self.weights) / row[n])
        self.n = n + 1
        return row

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation [m] of the noise-free function, in y's unit."""
        whitened = self.whiten(kernel(self.hyper, self.x, points))
        variance = self.prior_variance - (whitened**2).sum(0)
        return (
            self.centre + self.scale * (whitened.T @ self.weights),
            self.scale * np.sqrt(np.maximum(variance, 1e-8)),
        )

    def sample(self, points: Array, draws: int, rng: np.random.Generator) -> Array:
        """[draws, m] joint draws of the noise-free function, in y's unit."""
        whitened = self.whiten(kernel(self.hyper, self.x, points))
        covariance = kernel(self.hyper, points, points) - whitened.T @ whitened
        covariance[np.diag_indices(len(points))] += 1e-6
        root = cholesky(covariance, lower=True, check_finite=False)
        normal = rng.standard_normal((draws, len(points)))
        return self.centre + self.scale * (whitened.T @ self.weights + normal @ root.T)
