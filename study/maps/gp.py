"""A Gaussian process with a Matern-5/2 ARD kernel, MAP hyperparameters, known noise, and O(n^2) growth.

References: Rasmussen and Williams 2006, chapters 2.3 and 5. Seed noise has the tails of a Student t,
by expectation maximization over its precisions (Lange, Little and Taylor 1989).
"""

from collections.abc import Mapping
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import brentq, minimize

from fitscape.study.maps.kernel import JITTER, Array, Hyper, Prior, matern, negative_log_posterior

TAILS = 4.0  # degrees of freedom of the seed noise: now and then a net collapses, and one such run must not bend a map
LEAST_LEFT_OUT = 8  # observations from which their residuals say something
OUTLYING = 3.0  # standard deviations to which a residual counts
LARGEST_MISFIT = 9.0
CHUNK = 64  # rows by which the Cholesky buffer grows


class GaussianProcess:
    """Posterior over one output; observations can be appended without refitting.

    ``x`` [n, features]; ``y`` [n]; ``known`` [n] noise variances that are known beforehand, in y's unit; a
    homogeneous seed noise is fitted on top. Replicates are plain repeated rows; rows of one run (its epochs)
    have the same number in ``groups`` [n] and share a random effect. Targets are standardized here unless
    ``standardize`` is False.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        known: Array,
        *,
        prior: Prior | None = None,
        hyper: Hyper | None = None,
        groups: NDArray[np.intp] | None = None,
        standardize: bool = True,
    ) -> None:
        self.groups = groups
        self.prior = prior or Prior()
        self.centre = float(y.mean()) if standardize and len(y) else 0.0
        self.scale = float(max(y.std(), 1e-3)) if standardize and len(y) > 1 else 1.0
        self.hyper = hyper or Hyper.of(self.prior.centre(x.shape[1]))
        self.condition(x, (y - self.centre) / self.scale, known / self.scale**2)

    def condition(self, x: Array, y: Array, known: Array, prior: Array | None = None) -> None:
        """Replace the data; y and known in standardized units. ``prior``: covariance(x, x), where it is at hand."""
        n = self.n = len(y)
        self.x, self.y, self.known = x, y, known
        self.outlying = np.zeros(n)  # noise on top, of rows that only the tails explain
        self._factorize(prior)

    def _factorize(self, prior: Array | None = None) -> None:
        n, x = self.n, self.x
        capacity = (n // CHUNK + 1) * CHUNK
        self._factor = np.asfortranarray(np.eye(capacity))
        if n:
            covariance = self.covariance(x, x) if prior is None else prior.copy()
            if self.groups is not None:
                covariance += np.exp(self.hyper.group) * self._same(np.arange(n))
            covariance[np.diag_indices(n)] += self.known + self.outlying + self._floor
            self._factor[:n, :n] = cholesky(covariance, lower=True, check_finite=False)
        self.weights = self.whiten(self.y)

    @property
    def state(self) -> dict[str, Array]:
        """All that ``restored`` needs."""
        data = {"x": self.x, "y": self.y, "known": self.known, "outlying": self.outlying}
        return data | {"hyper": self.hyper.vector, "unit": np.array([self.centre, self.scale])}

    @classmethod
    def restored(cls, state: Mapping[str, Array], prior: Prior | None = None) -> Self:
        """The process that had this ``state``."""
        other = cls.__new__(cls)
        other.groups, other.prior, other.hyper = None, prior or Prior(), Hyper.of(state["hyper"])
        other.centre, other.scale = (float(number) for number in state["unit"])
        other.x, other.y, other.known, other.outlying = (state[name] for name in ("x", "y", "known", "outlying"))
        other.n = len(other.y)
        other._factorize()
        return other

    def under(self, hyper: Hyper) -> "GaussianProcess":
        """The same observations, weighted as they are, under other hyperparameters."""
        other = copy(self)
        other.hyper = hyper
        other._factorize()
        return other

    @property
    def _floor(self) -> float:
        return float(np.exp(self.hyper.noise)) + JITTER

    @property
    def noise(self) -> float:
        """Fitted seed-noise variance, in y's unit."""
        return float(np.exp(self.hyper.noise)) * self.scale**2

    def covariance(self, a: Array, b: Array) -> Array:
        """[n, m] prior covariance of the noise-free function, in standardized units."""
        return matern(self.hyper, a, b) + self.prior.trend(a, b)

    def prior_variance(self, points: Array) -> Array:
        """[m] its diagonal."""
        trend = self.prior.constant + self.prior.slope * ((points - 0.5) ** 2).sum(-1)
        return np.exp(self.hyper.signal) + trend

    def _same(self, rows: NDArray[np.intp]) -> Array:
        assert self.groups is not None
        return np.asarray(self.groups[rows][:, None] == self.groups[rows], dtype=float)

    def optimize(self, *, steps: int = 60, subset: int = 400, rng: np.random.Generator | None = None) -> None:
        """Move the hyperparameters uphill from where they are; at most ``subset`` random rows are used."""
        if self.n < 3:
            return
        rng = rng or np.random.default_rng(0)
        self._climb(steps, subset, rng)
        if self.prior.noise and self.groups is None:  # what a group shares would pass for its rows' outliers
            self._weigh()
            self._climb(max(steps // 2, 4), subset, rng)
            self._weigh()

    def _climb(self, steps: int, subset: int, rng: np.random.Generator) -> None:
        rows = np.arange(self.n)
        if self.n > subset:
            rows = np.sort(rng.choice(self.n, subset, replace=False))
        x, noise = self.x[rows], (self.known + self.outlying)[rows]
        squares = (x.T[:, :, None] - x.T[:, None, :]) ** 2
        same = None if self.groups is None else self._same(rows)
        result = minimize(
            negative_log_posterior,
            self.hyper.vector,
            args=(self.prior, squares, self.prior.trend(x, x), same, self.y[rows], noise),
            jac=True,
            method="L-BFGS-B",
            bounds=self.prior.bounds(x.shape[1]),
            options={"maxiter": steps, "maxfun": 2 * steps},
        )
        self.hyper = Hyper.of(result.x)
        self._factorize()

    def _weigh(self) -> None:
        """One step of expectation maximization: rows far off get the noise that a Student t would have given them."""
        whitened = self.whiten(self.covariance(self.x, self.x))
        variance = np.maximum(self.prior_variance(self.x) - (whitened**2).sum(0), 1e-9)
        distance = (self.y - whitened.T @ self.weights) ** 2 + variance
        noise = self.known + self._floor
        precision = np.minimum((TAILS + 1) / (TAILS + distance / noise), 1.0)
        self.outlying = noise * (1 / precision - 1)
        self._factorize()

    def whiten(self, columns: Array) -> Array:
        """L^-1 columns, [n, ...]; a padded buffer keeps BLAS from copying the factor."""
        padded = np.zeros((len(self._factor), *columns.shape[1:]), order="F")
        padded[: self.n] = columns
        solved: Array = solve_triangular(self._factor, padded, lower=True, check_finite=False, overwrite_b=True)
        return solved[: self.n]

    def append(self, x: Array, y: float, known: float) -> Array:
        """Add one observation, in y's unit; returns the new row [n + 1] of the factor."""
        assert self.groups is None
        n = self.n
        row = np.zeros(n + 1)
        row[:n] = self.whiten(self.covariance(self.x, x[None])[:, 0])
        variance = float(self.prior_variance(x)) + known / self.scale**2 + self._floor
        row[n] = np.sqrt(max(float(variance - row[:n] @ row[:n]), 1e-10))
        if n + 1 > len(self._factor):
            larger = np.asfortranarray(np.eye(n + CHUNK))
            larger[:n, :n] = self._factor[:n, :n]
            self._factor = larger
        self._factor[n, : n + 1] = row
        self.x = np.vstack([self.x, x[None]])
        self.y = np.append(self.y, (y - self.centre) / self.scale)
        self.known = np.append(self.known, known / self.scale**2)
        self.outlying = np.append(self.outlying, 0.0)
        self.weights = np.append(self.weights, (self.y[n] - row[:n] @ self.weights) / row[n])
        self.n = n + 1
        return row

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Posterior mean and standard deviation [m] of the noise-free function, in y's unit."""
        whitened = self.whiten(self.covariance(self.x, points))
        variance = self.prior_variance(points) - (whitened**2).sum(0)
        return (
            self.centre + self.scale * (whitened.T @ self.weights),
            self.scale * np.sqrt(np.maximum(variance, 1e-8)),
        )

    def leave_one_out(self, configurations: NDArray[np.intp]) -> tuple[Array, Array]:
        """Mean and variance [n], in y's unit, of the noise-free function at each row from the rows of the *other*
        configurations ([n] numbers; rows of one have the same x) (Rasmussen and Williams 2006, section 5.4.2)."""
        inverse = cho_solve((self._factor[: self.n, : self.n], True), np.eye(self.n), check_finite=False)
        alpha = inverse @ self.y
        noise = self.known + self.outlying + self._floor
        mean, variance = np.empty(self.n), np.empty(self.n)
        for rows in (np.flatnonzero(configurations == c) for c in np.unique(configurations)):
            block = np.linalg.inv(inverse[np.ix_(rows, rows)])
            mean[rows] = self.y[rows] - block @ alpha[rows]
            variance[rows] = np.maximum(np.diag(block) - noise[rows], 1e-8)
        return self.centre + self.scale * mean, self.scale**2 * variance

    def misfit(self, configurations: NDArray[np.intp]) -> float:
        """By what factor the variance of the noise-free function is too small, at least 1: with it the residuals of
        leaving each configuration out are as large as predicted. A prior that is smoother than the truth shows here.
        """
        if self.n < LEAST_LEFT_OUT:
            return 1.0
        mean, variance = self.leave_one_out(configurations)
        noise = self.scale**2 * (self.known + self._floor)
        square = np.minimum((self.centre + self.scale * self.y - mean) ** 2, OUTLYING**2 * (variance + noise))

        def excess(log_factor: float) -> float:
            return float(np.mean(square / (np.exp(log_factor) * variance + noise)) - 1)

        if excess(0.0) <= 0:
            return 1.0
        return (
            float(np.exp(brentq(excess, 0.0, np.log(LARGEST_MISFIT))))
            if excess(np.log(LARGEST_MISFIT)) < 0
            else LARGEST_MISFIT
        )

    def posterior_covariance(self, points: Array, others: Array, weights: Array) -> Array:
        """[m] covariance of the function at each point with its weighted mean over ``others`` [p], in y's unit."""
        used = weights > 0
        prior = self.covariance(points, others[used]) @ weights[used]
        known = self.whiten(self.covariance(self.x, others[used])) @ weights[used]
        return np.asarray(self.scale**2 * (prior - self.whiten(self.covariance(self.x, points)).T @ known))

    def sample(self, points: Array, draws: int, rng: np.random.Generator, *, widen: float = 1.0) -> Array:
        """[draws, m] joint draws of the noise-free function, in y's unit; ``widen`` times as far from its mean."""
        whitened = self.whiten(self.covariance(self.x, points))
        covariance = self.covariance(points, points) - whitened.T @ whitened
        covariance[np.diag_indices(len(points))] += 1e-6
        root = cholesky(covariance, lower=True, check_finite=False)
        normal = rng.standard_normal((draws, len(points)))
        return self.centre + self.scale * (whitened.T @ self.weights + widen * normal @ root.T)
