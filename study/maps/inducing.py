"""A Gaussian process of many observations: what they say is kept at a few inducing points.

The approximation is Titsias's (2009). Its posterior is that of a process which has seen pseudo-targets at the inducing
points, with a noise that is correlated among them. So all that is asked of a posterior, and what is appended to it
later, is as in the exact process; n observations at m points cost O(n m^2) instead of O(n^3).
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from fitscape.study.maps.gp import GaussianProcess, alike
from fitscape.study.maps.kernel import Array, Hyper, Prior
from fitscape.study.maps.solved import Solved
from fitscape.study.maps.triangular import inverse, inverse_of, product

EXACT: Final = 1500  # observations up to which a process is exact
POINTS: Final = 512
BLOCK: Final = 512  # observations that are looked at together: their covariances fit a processor's cache
JITTER: Final = 1e-7  # of the mean prior variance
FAINTEST: Final = 1e-12  # information along a direction of which nothing is known


class InducingProcess(GaussianProcess):
    """As :class:`GaussianProcess`, without groups."""

    _inducing: Array | None = None
    _rooted: tuple[Hyper, Array] | None = None  # the factor of the inducing points' prior covariance, and of which
    _evidence: tuple[Solved, int, Array] | None = None  # a posterior, of how many observations, and their factor

    def optimize(self, *, steps: int = 60, subset: int = 400, rng: np.random.Generator | None = None) -> None:
        """To the hyperparameters of ``subset`` random observations alone; outliers are weighed among all."""
        rng = rng or np.random.default_rng(0)
        rows = np.sort(rng.choice(self.n, min(subset, self.n), replace=False))
        data = self.x[rows], self.y[rows], self.known[rows]
        part = GaussianProcess(*data, prior=self.prior, hyper=self.hyper, standardize=False)
        part.optimize(steps=steps, subset=subset, rng=rng)
        self.hyper, self._posterior, self._inducing, self._rooted = part.hyper, None, None, None
        if self.prior.noise:
            self._posterior = self._solve(self._weigh())

    @property
    def inducing(self) -> Array:
        """[m, features] half of them random among the observed points, so that they are dense where these are; then
        always the point that is farthest from all, in length scales.
        """
        if self._inducing is None:
            x = np.unique(self.x, axis=0)
            count = min(POINTS, len(x))
            scaled = np.ascontiguousarray((x / np.exp(self.hyper.scales)).T)  # sums over few features are fast this way
            rows = np.random.default_rng(0).choice(len(x), -(-count // 2), replace=False).tolist()
            nearest = np.full(len(x), np.inf)
            for i in range(count):
                if i == len(rows):
                    rows.append(int(np.argmax(nearest)))
                np.minimum(nearest, ((scaled - scaled[:, rows[i], None]) ** 2).sum(0), out=nearest)
            self._inducing = x[rows]
        return self._inducing

    def joint(self) -> Array:
        """[m, n] L^-1 K, with the factor L of the inducing points' prior covariance: the observed points' coordinates
        where the inducing points' prior is white.
        """
        whiten, found = inverse(self._root()), np.empty((len(self.inducing), self.n))
        for start in range(0, self.n, BLOCK):
            rows = slice(start, start + BLOCK)
            found[:, rows] = product(whiten, self.covariance(self.inducing, self.x[rows]), overwrite=True)
        return found

    def _root(self) -> Array:
        if self._rooted is None or self._rooted[0] is not self.hyper:
            prior = self.covariance(self.inducing, self.inducing)
            prior[np.diag_indices(len(prior))] += JITTER * np.trace(prior) / len(prior)
            self._rooted = self.hyper, cholesky(prior, lower=True, check_finite=False)
        return self._rooted[1]

    def _solve(self, joint: Array) -> Solved:
        scaled, identity = joint / np.sqrt(self.noises), np.eye(len(joint))
        among = cho_factor(scaled @ scaled.T + identity, lower=True, check_finite=False)
        # What is known of the white coordinates is E E'; the factor of the pseudo-targets' covariance is L E'^-1.
        known = (1 + FAINTEST) * identity - inverse_of(among[0])
        upper = cholesky(known[::-1, ::-1], lower=True, check_finite=False)[::-1, ::-1]
        mean = cho_solve(among, scaled @ (self.y / np.sqrt(self.noises)), check_finite=False)
        weights = solve_triangular(upper, mean, check_finite=False)
        solved = Solved(self.inducing, np.tril(self._root() @ inverse(upper.T)), weights)
        self._evidence = solved, self.n, among[0]
        return solved

    def moments(self, joint: Array | None = None) -> tuple[Array, Array]:
        joint = self.joint() if joint is None else joint
        whitened = product(np.asfortranarray(self.whiten(self._root())), joint)
        return whitened.T @ self.weights, self.prior_variance(self.x) - _squares(whitened)

    def _left_out(self, configurations: NDArray[np.intp], joint: Array) -> tuple[Array, Array]:
        noise = self.noises
        scaled = joint / np.sqrt(noise)
        solved, n, root = self._evidence or (None, 0, joint)
        if solved is not self._posterior or n != self.n:  # read from a file, or grown since
            root = cholesky(scaled @ scaled.T + np.eye(len(joint)), lower=True, check_finite=False)
        # The inverse of the covariance is D^-1/2 (1 - shared shared') D^-1/2.
        shared = product(inverse(root), scaled, overwrite=True).T
        y = self.y / np.sqrt(noise)
        alpha = (y - shared @ (shared.T @ y)) / np.sqrt(noise)
        alone = noise / np.maximum(1 - _squares(shared.T), 1e-12)
        mean, variance = self.y - alone * alpha, alone - noise
        for rows in (rows for rows in alike(configurations) if len(rows) > 1):
            between = (np.eye(len(rows)) - shared[rows] @ shared[rows].T) / np.sqrt(np.outer(noise[rows], noise[rows]))
            block = np.linalg.inv(between)
            mean[rows] = self.y[rows] - block @ alpha[rows]
            variance[rows] = np.diag(block) - noise[rows]
        return mean, variance + np.maximum(self.prior_variance(self.x) - _squares(joint), 0)

    @property
    def posterior(self) -> dict[str, Array]:
        rows = np.tril_indices(self.rank)
        return {"basis": self.basis, "factor": self._solved.factor[rows], "weights": self.weights}

    def adopt(self, posterior: Mapping[str, Array]) -> Self:
        self._inducing, rank = posterior["basis"], len(posterior["basis"])
        factor = np.zeros((rank, rank))
        factor[np.tril_indices(rank)] = posterior["factor"]
        self._posterior = Solved(self._inducing, factor, posterior["weights"])
        return self


def _squares(columns: Array) -> Array:
    """[n] sums of squares of columns [m, n], without an array of as many squares."""
    return np.einsum("ij,ij->j", columns, columns)


def process(
    x: Array, y: Array, known: Array, *, groups: NDArray[np.intp] | None = None, **given: Any
) -> GaussianProcess:
    """The exact process of these observations, or of many that have no groups the approximation."""
    if groups is None and len(y) > EXACT:
        return InducingProcess(x, y, known, **given)
    return GaussianProcess(x, y, known, groups=groups, **given)


def restored(state: Mapping[str, Array], prior: Prior | None = None) -> GaussianProcess:
    """The process that had this ``state``."""
    kind = InducingProcess if "basis" in state else GaussianProcess
    return kind.restored(state, prior).adopt(state)
