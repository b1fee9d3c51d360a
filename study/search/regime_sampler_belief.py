"""What the boundary-seeking sampler believes: the map's fields over a fixed pool of points, grown trial by trial.

Between two refits of the hyperparameters the pool stays, so that one finished trial costs a rank-one update of
everything that is cached (O(n pool)), never a new factorization (O(n^3)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.maps.decision import Cuts
from study.maps.fields import Fields, Outcomes, Prediction, observed_z
from study.maps.gp import GaussianProcess, kernel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """One field as the acquisition sees it: pool = integration points then candidates, in z's unit."""

    mean: Array  # [pool]
    variance: Array  # [pool], after the pending trials
    cross: Array  # [integration, candidates] posterior covariance, after the pending trials
    noise: float  # variance of one further observation


class _PooledField:
    """A Gaussian process with its posterior over the pool kept up to date."""

    def __init__(self, gp: GaussianProcess, pool: Array, split: int) -> None:
        self.gp, self.pool, self.split = gp, pool, split
        prior = kernel(gp.hyper, gp.x, pool)
        self._rows = np.empty((2 * gp.n + 64, len(pool)))
        self._rows[: gp.n] = gp.whiten(prior)
        whitened = self._rows[: gp.n]
        self.mean = whitened.T @ gp.weights
        self.variance = gp.prior_variance - (whitened**2).sum(0)
        self.cross = kernel(gp.hyper, pool[:split], pool[split:]) - whitened[:, :split].T @ whitened[:, split:]

    def append(self, x: Array, y: float, known: float) -> None:
        n = self.gp.n
        if n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        row = self.gp.append(x, y, known)
        new = (kernel(self.gp.hyper, x[None], self.pool)[0] - row[:n] @ self._rows[:n]) / row[n]
        self._rows[n] = new
        self.mean += new * self.gp.weights[n]
        self.variance -= new**2
        self.cross -= new[: self.split, None] * new[None, self.split :]

    def view(self, pending: Array) -> View:
        """Condition the covariance, never the mean, on observations that will come at ``pending``."""
        gp, unit = self.gp, self.gp.scale**2
        variance, cross = self.variance, self.cross
        noise = float(np.exp(gp.hyper.noise)) + (float(np.mean(gp.known)) if gp.n else 0.0)
        if len(pending):
            whitened = gp.whiten(kernel(gp.hyper, gp.x, pending))
            among = kernel(gp.hyper, pending, pending) - whitened.T @ whitened
            among[np.diag_indices(len(pending))] += noise + 1e-8
            to_pool = kernel(gp.hyper, pending, self.pool) - whitened.T @ self._rows[: gp.n]
            rows = np.linalg.solve(np.linalg.cholesky(among), to_pool)
            variance = variance - (rows**2).sum(0)
            cross = cross - rows[:, : self.split].T @ rows[:, self.split :]
        return View(gp.centre + gp.scale * self.mean, unit * np.maximum(variance, 1e-8), unit * cross, unit * noise)


class Belief:
    """Fields, pool and caches after n finished trials.

    Args:
        features: [n, features] of the finished trials; ``pool`` [pool, features], of which the first
            ``split`` are integration points and the rest candidates.
    """

    def __init__(self, fields: Fields, pool: Array, split: int) -> None:
        self.fields, self.split = fields, split
        self.val = _PooledField(fields.val, pool, split)
        self.train = _PooledField(fields.train, pool, split)
        self.divergence = _PooledField(fields.divergence, pool, split)

    @property
    def cuts(self) -> Cuts:
        return self.fields.cuts

    @property
    def n(self) -> int:
        return self.divergence.gp.n

    def append(self, features: Array, outcome: Outcomes) -> None:
        """One more finished trial: features [features], outcome of length 1."""
        diverged = bool(outcome.diverged[0])
        self.divergence.append(features, 1.0 if diverged else -1.0, 0.0)
        if diverged:
            self.fields.any_diverged = True
            return
        z, known = observed_z(self.cuts, outcome.val_error, outcome.val_n)
        self.val.append(features, float(z[0]), float(known[0]))
        z, known = observed_z(self.cuts, outcome.train_error, outcome.train_n, outcome.flip_rate)
        self.train.append(features, float(z[0]), float(known[0]))

    def views(self, pending: Array) -> tuple[View, View, View]:
        """Validation, training, divergence, given the features [q, features] of the trials that run."""
        return self.val.view(pending), self.train.view(pending), self.divergence.view(pending)

    def prediction(self, views: tuple[View, View, View]) -> Prediction:
        """Over the pool."""
        val, train, divergence = views
        p = self.fields.divergence_probability(divergence.mean, np.sqrt(divergence.variance))
        return Prediction(val.mean, np.sqrt(val.variance), train.mean, np.sqrt(train.variance), p)
