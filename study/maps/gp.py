"""A Gaussian process with a Matern-5/2 ARD kernel, MAP hyperparameters, known noise, and O(n^2) growth.

References: Rasmussen and Williams 2006, chapters 2.3 and 5. Seed noise has the tails of a Student t,
by expectation maximization over its precisions (Lange, Little and Taylor 1989).
"""

from collections.abc import Mapping
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.optimize import brentq, minimize

from fitscape.study.maps.kernel import JITTER, Array, Hyper, Prior, matern, negative_log_posterior
from fitscape.study.maps.solved import Solved
from fitscape.study.maps.triangular import inverse_of

TAILS = 4.0  # degrees of freedom of the seed noise: now and then a net collapses, and one such run must not bend a map
LEAST_LEFT_OUT = 8  # observations from which their residuals say something
OUTLYING = 3.0  # standard deviations to which a residual counts
LARGEST_MISFIT = 9.0


class GaussianProcess:
    """Posterior over one output; observations can be appended without refitting.

    ``x`` [n, features]; ``y`` [n]; ``known`` [n] noise variances that are known beforehand, in y's unit; a
    homogeneous seed noise is fitted on top. Replicates are plain repeated rows; rows of one run (its epochs)
    have the same number in ``groups`` [n] and share a random effect. Targets are standardized here unless
    ``standardize`` is False. The posterior is solved for when it is first asked for.
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

    def condition(self, x: Array, y: Array, known: Array, joint: Array | None = None) -> None:
        """Replace the data; y and known in standardized units. ``joint``: :meth:`joint`, where it is at hand."""
        self.n = len(y)
        self.x, self.y, self.known = x, y, known
        self.outlying = np.zeros(self.n)  # noise on top, of rows that only the tails explain
        self._posterior = None if joint is None else self._solve(joint)

    def joint(self) -> Array:
        """What stays while points and hyperparameters do: the prior covariance [n, n] of the observed points."""
        return self.covariance(self.x, self.x)

    def _solve(self, joint: Array) -> Solved:
        n = self.n
        covariance = joint.copy()
        if self.groups is not None:
            covariance += np.exp(self.hyper.group) * self._same(np.arange(n))
        covariance[np.diag_indices(n)] += self.noises
        factor = cholesky(covariance, lower=True, check_finite=False) if n else covariance
        return Solved.of(self.x, factor, self.y)

    @property
    def _solved(self) -> Solved:
        if self._posterior is None:
            self._posterior = self._solve(self.joint())
        return self._posterior

    @property
    def basis(self) -> Array:
        """[rank, features] points through which the observations speak."""
        return self._solved.basis

    @property
    def weights(self) -> Array:
        """[rank]; see :class:`Solved`."""
        return self._solved.weights

    @property
    def rank(self) -> int:
        return self._solved.rank

    @property
    def noises(self) -> Array:
        """[n] variance of each observation around the noise-free function, in standardized units."""
        return self.known + self.outlying + self._floor

    def moments(self, joint: Array | None = None) -> tuple[Array, Array]:
        """Mean and variance [n] of the noise-free function at the observed points, in standardized units."""
        whitened = self.whiten(self.joint() if joint is None else joint)
        return whitened.T @ self.weights, self.prior_variance(self.x) - (whitened**2).sum(0)

    @property
    def state(self) -> dict[str, Array]:
        """All that ``restored`` and ``adopt`` need."""
        data = {"x": self.x, "y": self.y, "known": self.known, "outlying": self.outlying, **self.posterior}
        return data | {"hyper": self.hyper.vector, "unit": np.array([self.centre, self.scale])}

    @property
    def posterior(self) -> dict[str, Array]:
        """Of its state, what is dear to solve for; an exact process keeps no factor, which is as large as n^2."""
        return {}

    def adopt(self, posterior: Mapping[str, Array]) -> Self:
        """Have this ``posterior``."""
        return self

    @classmethod
    def restored(cls, state: Mapping[str, Array], prior: Prior | None = None) -> Self:
        """The process that had this ``state``."""
        other = cls.__new__(cls)
        other.groups, other.prior, other.hyper = None, prior or Prior(), Hyper.of(state["hyper"])
        other.centre, other.scale = (float(number) for number in state["unit"])
        other.x, other.y, other.known, other.outlying = (state[name] for name in ("x", "y", "known", "outlying"))
        other.n, other._posterior = len(other.y), None
        return other

    def under(self, hyper: Hyper) -> Self:
        """The same observations, weighted as they are, under other hyperparameters."""
        other = copy(self)
        other.hyper, other._posterior = hyper, None
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
        found = matern(self.hyper, a, b)
        found += self.prior.trend(a, b)
        return found

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
        self.hyper, self._posterior = Hyper.of(result.x), None

    def _weigh(self) -> Array:
        """One step of expectation maximization: rows far off get the noise that a Student t would have given them.

        Returns:
            :meth:`joint`, which has stayed as it was.
        """
        joint = self.joint()
        if self._posterior is None:
            self._posterior = self._solve(joint)
        mean, variance = self.moments(joint)
        distance = (self.y - mean) ** 2 + np.maximum(variance, 1e-9)
        noise = self.known + self._floor
        precision = np.minimum((TAILS + 1) / (TAILS + distance / noise), 1.0)
        self.outlying, self._posterior = noise * (1 / precision - 1), None
        return joint

    def whiten(self, columns: Array) -> Array:
        """L^-1 columns, [rank, ...]."""
        return self._solved.whiten(columns)

    def append(self, x: Array, y: float, known: float) -> Array:
        """Add one observation, in y's unit; returns the new row [rank + 1] of the factor."""
        assert self.groups is None
        solved, rank, value = self._solved, self.rank, (y - self.centre) / self.scale
        row = np.zeros(rank + 1)
        row[:rank] = self.whiten(self.covariance(self.basis, x[None])[:, 0])
        variance = float(self.prior_variance(x)) + known / self.scale**2 + self._floor
        row[rank] = np.sqrt(max(float(variance - row[:rank] @ row[:rank]), 1e-10))
        solved.append(x, row, value)
        self.x = np.vstack([self.x, x[None]])
        self.y = np.append(self.y, value)
        self.known = np.append(self.known, known / self.scale**2)
        self.outlying = np.append(self.outlying, 0.0)
        self.n += 1
        return row

    def predict(self, points: Array, *, again: bool = False) -> tuple[Array, Array]:
        """Posterior mean and standard deviation [m] of the noise-free function, in y's unit.
        ``again``: :meth:`posterior_covariance` comes next, at these points."""
        covariance = self.covariance(self.basis, points)
        self._solved.asked = (points, covariance) if again else None
        whitened = self.whiten(covariance)
        variance = self.prior_variance(points) - (whitened**2).sum(0)
        mean, sd = whitened.T @ self.weights, np.sqrt(np.maximum(variance, 1e-8))
        return self.centre + self.scale * mean, self.scale * sd

    def leave_one_out(self, configurations: NDArray[np.intp]) -> tuple[Array, Array]:
        """Mean and variance [n], in y's unit, of the noise-free function at each row from the rows of the *other*
        configurations ([n] numbers; rows of one have the same x) (Rasmussen and Williams 2006, section 5.4.2)."""
        joint = self.joint()
        if self._posterior is None:
            self._posterior = self._solve(joint)
        mean, variance = self._left_out(configurations, joint) if self.n else (np.empty(0),) * 2
        return self.centre + self.scale * mean, self.scale**2 * np.maximum(variance, 1e-8)

    def _left_out(self, configurations: NDArray[np.intp], joint: Array) -> tuple[Array, Array]:
        inverse = inverse_of(self._solved.factor)
        alpha = inverse @ self.y
        alone = 1 / np.diag(inverse)
        mean, variance = self.y - alone * alpha, alone - self.noises
        for rows in (rows for rows in alike(configurations) if len(rows) > 1):
            block = np.linalg.inv(inverse[np.ix_(rows, rows)])
            mean[rows] = self.y[rows] - block @ alpha[rows]
            variance[rows] = np.diag(block) - self.noises[rows]
        return mean, variance

    def misfit(self, mean: Array, variance: Array) -> float:
        """By what factor the variance of the noise-free function is too small, at least 1: with it the residuals of
        leaving each configuration out are as large as predicted. A prior that is smoother than the truth shows here.

        Args:
            mean, variance: as :meth:`leave_one_out` gives them.
        """
        if self.n < LEAST_LEFT_OUT:
            return 1.0
        noise = self.scale**2 * (self.known + self._floor)
        square = np.minimum((self.centre + self.scale * self.y - mean) ** 2, OUTLYING**2 * (variance + noise))

        def excess(log_factor: float) -> float:
            return float(np.mean(square / (np.exp(log_factor) * variance + noise)) - 1)

        if excess(0.0) <= 0:
            return 1.0
        if excess(np.log(LARGEST_MISFIT)) >= 0:
            return LARGEST_MISFIT
        return float(np.exp(brentq(excess, 0.0, np.log(LARGEST_MISFIT))))

    def posterior_covariance(self, points: Array, others: Array, weights: Array) -> Array:
        """[m] covariance of the function at each point with its weighted mean over ``others`` [p], in y's unit."""
        used = weights > 0
        prior, solved = self.covariance(points, others[used]) @ weights[used], self._solved
        if solved.averaged is None or solved.averaged[0] is not others or solved.averaged[1] is not weights:
            known = solved.explained(self.covariance(self.basis, others[used]) @ weights[used])
            solved.averaged = others, weights, known
        at, covariance = solved.asked or (None, None)
        solved.asked = None  # whoever asked may write other points into the array
        if covariance is None or at is not points:
            covariance = self.covariance(self.basis, points)
        return np.asarray(self.scale**2 * (prior - covariance.T @ solved.averaged[2]))

    def sample(self, points: Array, draws: int, rng: np.random.Generator, *, widen: float = 1.0) -> Array:
        """[draws, m] joint draws of the noise-free function, in y's unit; ``widen`` times as far from its mean."""
        whitened = self.whiten(self.covariance(self.basis, points))
        covariance = self.covariance(points, points) - whitened.T @ whitened
        covariance[np.diag_indices(len(points))] += 1e-6
        root = cholesky(covariance, lower=True, check_finite=False)
        normal = rng.standard_normal((draws, len(points)))
        return self.centre + self.scale * (whitened.T @ self.weights + widen * normal @ root.T)


def alike(numbers: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The rows of each number, by number."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
