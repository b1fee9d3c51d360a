"""What the boundary-seeking sampler believes: the map's fields over a fixed pool of points, grown trial by trial.

Between two refits of the hyperparameters the pool stays, so that one finished trial costs a rank-one update of
everything that is cached (O(n pool)), never a new factorization (O(n^3)). The same holds for the trials that run: one
more costs O(n^2), and one that ends or is observed O(n + pool) for each of the others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.linalg.blas import dtrmm

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.divergence import information
from fitscape.study.maps.error_models import ErrorPrediction, Fields, Outcomes, observed_z
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.triangular import inverse

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FieldView:
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


class _Running:
    """The trials that run, as one field sees them: covariances given what has finished, in standardized units."""

    def __init__(self, gp: GaussianProcess, pool: Array, rows: Array) -> None:
        self._gp, self._pool, self._rows = gp, pool, rows
        self._keys: list[bytes] = []
        self.x = np.empty((0, pool.shape[1]))
        self.whitened = np.empty((0, len(rows)))  # [q, observations and room for more]
        self.among, self.to_pool = np.empty((0, 0)), np.empty((0, len(pool)))

    def follow(self, x: Array, row: Array, of_pool: Array, rows: Array) -> None:
        """An observation at x was appended with this row of the factor; ``of_pool``: its new row over the pool."""
        n, self._rows = len(row) - 1, rows
        if self.whitened.shape[1] < len(rows):
            more = len(rows) - self.whitened.shape[1]
            self.whitened = np.concatenate([self.whitened, np.empty((len(self.x), more))], axis=1)
        if len(self.x):
            new = (self._gp.covariance(x[None], self.x)[0] - self.whitened[:, :n] @ row[:n]) / row[n]
            self.whitened[:, n] = new
            self.among -= new[:, None] * new
            self.to_pool -= new[:, None] * of_pool

    def set(self, x: Array) -> None:
        """These trials [q, features] run now."""
        known: dict[bytes, list[int]] = {}
        for at, key in enumerate(self._keys):
            known.setdefault(key, []).append(at)
        keys = [point.tobytes() for point in x]
        kept, new = list[tuple[int, int]](), list[int]()  # now and before; now
        for at, key in enumerate(keys):
            if known.get(key):
                kept.append((at, known[key].pop()))
            else:
                new.append(at)
        order = [at for at, _ in kept] + new
        self._keep([was for _, was in kept])
        if new:
            self._add(x[new])
        self._keys = [keys[at] for at in order]

    def _keep(self, rows: list[int]) -> None:
        if rows == list(range(len(self.x))):
            return
        self.x, self.whitened, self.to_pool = self.x[rows], self.whitened[rows], self.to_pool[rows]
        self.among = self.among[np.ix_(rows, rows)]

    def _add(self, x: Array) -> None:
        gp, n = self._gp, self._gp.rank
        whitened = np.empty((len(x), len(self._rows)))
        whitened[:, :n] = gp.whiten(gp.covariance(gp.basis, x)).T
        others = gp.covariance(self.x, x) - self.whitened[:, :n] @ whitened[:, :n].T
        own = gp.covariance(x, x) - whitened[:, :n] @ whitened[:, :n].T
        self.among = np.block([[self.among, others], [others.T, own]])
        to_pool = gp.covariance(x, self._pool) - whitened[:, :n] @ self._rows[:n]
        self.to_pool = np.concatenate([self.to_pool, to_pool])
        self.whitened, self.x = np.concatenate([self.whitened, whitened]), np.concatenate([self.x, x])


class _PooledField:
    """A Gaussian process with its posterior over the pool kept up to date."""

    def __init__(self, gp: GaussianProcess, pool: Array, split: int) -> None:
        self.gp, self.pool, self.split = gp, pool, split
        self._rows = np.empty((2 * gp.rank + 64, len(pool)))
        whitened = self._rows[: gp.rank]
        whitened[:] = gp.whiten(gp.covariance(gp.basis, pool))
        self.mean = whitened.T @ gp.weights
        self.variance = gp.prior_variance(pool) - np.einsum("ij,ij->j", whitened, whitened)
        self.cross = gp.covariance(pool[:split], pool[split:]) - whitened[:, :split].T @ whitened[:, split:]
        self.running = _Running(gp, pool, self._rows)

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
        self.running.follow(x, row, new, self._rows)

    def view(self, pending: Array, *, binary: bool = False) -> FieldView:
        """Condition the covariance, never the mean, on observations that will come at ``pending``.

        ``binary``: what will be observed is the sign of the function, not the function.
        """
        gp, unit = self.gp, self.gp.scale**2
        variance, cross = self.variance, self.cross
        if len(pending):
            self.running.set(pending)
            among, at = self.running.among.copy(), np.diag_indices(len(pending))
            mean = self.running.whitened[:, : gp.rank] @ gp.weights
            among[at] = 1 / np.maximum(_information(gp, mean, among[at], binary), 1e-9)
            rows = dtrmm(1.0, inverse(cholesky(among, lower=True, check_finite=False)), self.running.to_pool, lower=1)
            variance = variance - np.einsum("ij,ij->j", rows, rows)
            cross = cross - rows[:, : self.split].T @ rows[:, self.split :]
        variance = np.maximum(variance, 1e-8)
        there = slice(self.split, None)
        gain = _information(gp, self.mean[there], variance[there], binary)
        return FieldView(gp.centre + gp.scale * self.mean, unit * variance, unit * cross, gain / unit)


class SamplerBelief:
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

    def views(self, pending: Array) -> tuple[FieldView, FieldView, FieldView]:
        """Validation, training, divergence, given the features [q, features] of the trials that run."""
        return self.val.view(pending), self.train.view(pending), self.divergence.view(pending, binary=True)

    def prediction(self, views: tuple[FieldView, FieldView, FieldView]) -> ErrorPrediction:
        """Over the pool."""
        val, train, divergence = views
        p = self.fields.divergence.probability(divergence.mean, divergence.variance)
        return ErrorPrediction(val.mean, np.sqrt(val.variance), train.mean, np.sqrt(train.variance), p)
