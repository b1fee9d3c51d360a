"""What the boundary-seeking sampler believes: the map's fields over a fixed pool of points, grown trial by trial.

Between two refits of the hyperparameters the pool stays, so that one finished trial costs a rank-one update of
everything that is cached (O(n pool)), never a new factorization (O(n^3)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.divergence import information
from fitscape.study.maps.error_models import Fields, Outcomes, Prediction, observed_z
from fitscape.study.maps.gp import GaussianProcess

Array = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """One field as the acquisition sees it: pool = integration points, then candidates; in z's unit."""

    mean: Array  # [pool]
    variance: Array  # [pool], after the pending trials
    cross: Array  # [integration, candidates] posterior covariance, after the pending trials
    information: Array  # [candidates] g: a trial lowers the variance at an integration point by g cross^2


def _information(gp: GaussianProcess, mean: Array, variance: Array, binary: bool) -> Array:
    """[m] one over the variance of one further observation there, the function's own included."""
    if binary:
        return information(mean, variance)
    noise = np.exp(gp.hyper.noise) + (np.mean(gp.known) if gp.n else 0.0) + 1e-8
    return 1 / (variance + noise)


class _PooledField:
    """A Gaussian process with its posterior over the pool kept up to date."""

    def __init__(self, gp: GaussianProcess, pool: Array, split: int) -> None:
        self.gp, self.pool, self.split = gp, pool, split
        self._rows = np.empty((2 * gp.n + 64, len(pool)))
        self._rows[: gp.n] = gp.whiten(gp.covariance(gp.x, pool))
        whitened = self._rows[: gp.n]
        self.mean = whitened.T @ gp.weights
        self.variance = gp.prior_variance(pool) - np.einsum("ij,ij->j", whitened, whitened)
        self.cross = gp.covariance(pool[:split], pool[split:]) - whitened[:, :split].T @ whitened[:, split:]

    def grow(self, x: Array, row: Array) -> None:
        """Follow an observation at x that was appended to the process with this new row of its factor."""
        n = len(row) - 1
        if n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        new = (self.gp.covariance(x[None], self.pool)[0] - row[:n] @ self._rows[:n]) / row[n]
        self._rows[n] = new
        self.mean += new * self.gp.weights[n]
        self.variance -= new**2
        self.cross -= new[: self.split, None] * new[None, self.split :]

    def view(self, pending: Array, *, binary: bool = False) -> View:
        """Condition the covariance, never the mean, on observations that will come at ``pending``.

        ``binary``: what will be observed is the sign of the function, not the function.
        """
        gp, unit = self.gp, self.gp.scale**2
        variance, cross = self.variance, self.cross
        if len(pending):
            whitened = gp.whiten(gp.covariance(gp.x, pending))
            among = gp.covariance(pending, pending) - whitened.T @ whitened
            at = np.diag_indices(len(pending))
            mean = whitened.T @ gp.weights
            among[at] = 1 / np.maximum(_information(gp, mean, among[at], binary), 1e-9)
            to_pool = gp.covariance(pending, self.pool) - whitened.T @ self._rows[: gp.n]
            rows = np.linalg.solve(np.linalg.cholesky(among), to_pool)
            variance = variance - (rows**2).sum(0)
            cross = cross - rows[:, : self.split].T @ rows[:, self.split :]
        variance = np.maximum(variance, 1e-8)
        there = slice(self.split, None)
        gain = _information(gp, self.mean[there], variance[there], binary)
        return View(gp.centre + gp.scale * self.mean, unit * variance, unit * cross, gain / unit)


class Belief:
    """Fields and caches after n finished trials.

    Args:
        pool: features [pool, features], the first ``split`` integration points, the rest candidates.
    """

    def __init__(self, fields: Fields, pool: Array, split: int) -> None:
        self.fields, self.split = fields, split
        self.val = _PooledField(fields.val, pool, split)
        self.train = _PooledField(fields.train, pool, split)
        self.divergence = _PooledField(fields.divergence.gp, pool, split)

    @property
    def cuts(self) -> Cuts:
        return self.fields.cuts

    @property
    def n(self) -> int:
        return self.fields.divergence.gp.n

    def append(self, features: Array, outcome: Outcomes) -> None:
        """One more finished trial: features [features], outcome of length 1."""
        fields, diverged = self.fields, bool(outcome.diverged[0])
        self.divergence.grow(features, fields.divergence.append(features, diverged))
        if diverged:
            return
        z, known = observed_z(self.cuts, outcome.val_error, outcome.val_n)
        self.val.grow(features, fields.val.append(features, float(z[0]), float(known[0])))
        z, known = observed_z(self.cuts, outcome.train_error, outcome.train_n, outcome.flip_rate)
        self.train.grow(features, fields.train.append(features, float(z[0]), float(known[0])))

    def views(self, pending: Array) -> tuple[View, View, View]:
        """Validation, training, divergence, given the features [q, features] of the trials that run."""
        return self.val.view(pending), self.train.view(pending), self.divergence.view(pending, binary=True)

    def prediction(self, views: tuple[View, View, View]) -> Prediction:
        """Over the pool."""
        val, train, divergence = views
        p = self.fields.divergence.probability(divergence.mean, divergence.variance)
        return Prediction(val.mean, np.sqrt(val.variance), train.mean, np.sqrt(train.variance), p)
