"""What more trials would decide: the share of a space with one name, now, after more trials, and after endless ones.

A Gaussian process knows how much a trial will tell before it is run: its variances do not depend on what is measured.
Where the mean will move to is drawn from what is believed now (Raiffa and Schlaifer 1961, preposterior analysis).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri

from fitscape.study.maps.decision import REGIMES, Cuts, regime_probabilities
from fitscape.study.maps.divergence import information, probability
from fitscape.study.maps.field_belief import FieldBelief
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.posterior import Component
from fitscape.study.maps.regime_map import RegimeMap

Array = NDArray[np.float64]

POINTS: Final = 256  # of the space that are looked at
DRAWS: Final = 16  # worlds in which the trials to come are imagined
SPREAD: Final = 0.16  # 9 in 10 shares lay within it of what was expected (benchmarks/statistics/prospects.py)
SHIFTS: Final = 15  # of the errors that all nets share, equally likely


@dataclass(frozen=True)
class Shares:
    """Shares of a space by the number of regimes that are needed for the study's confidence."""

    one: float
    two: float

    @property
    def undecided(self) -> float:
        return 1 - self.one


def shares(fitted: RegimeMap, *, points: int = 4 * POINTS) -> Shares:
    """As the map knows them now."""
    return _counted(fitted.probabilities(_sample(fitted, points)), fitted.thresholds.confidence)


def expected(fitted: RegimeMap, more: Sequence[int], *, seeds: int = 1) -> list[Shares]:
    """Expected shares once so many more trials have ended, one for each of ``more`` (ascending).

    The trials to come are taken to be spread evenly. A search that goes to the boundaries decides a little more.

    Args:
        seeds: trials of one configuration.
    """
    rng = np.random.default_rng([fitted.seed, 4])
    x = _sample(fitted, POINTS)
    counts = [-(-count // seeds) for count in more]
    to_come = _to_come(fitted, max(counts, default=0))
    posterior, cuts = fitted.posterior, fitted.fields.cuts
    parts = [_Known.of(fitted, one, x, to_come, seeds) for one in posterior.components]
    latent = _Field.of(fitted.fields.divergence.gp, x, to_come, None) if fitted.fields.divergence.any else None
    rate = fitted.fields.p_diverged(x[:1])[0]
    normals = rng.standard_normal((DRAWS, 6, len(x)))
    found = []
    for count in counts:
        p = np.zeros((DRAWS, len(x), len(REGIMES)))
        for draw, (val, val_luck, train, train_luck, cliff, cliff_luck) in enumerate(normals):
            true = parts[draw % len(parts)]
            z_val, z_train = true.val.drawn(val), true.train.drawn(train)
            p_diverged = np.full(len(x), rate)
            if latent is not None:
                mean, sd = latent.after(count, latent.drawn(cliff), cliff_luck)
                p_diverged = probability(mean, sd**2)
            for one in parts:
                law, belief = one.after(count, true, (z_val, val_luck), (z_train, train_luck), cuts)
                p[draw] += regime_probabilities(law, *belief, p_diverged) / len(parts)
        found.append(_counted(p.reshape(-1, len(REGIMES)), fitted.thresholds.confidence))
    return found


def spread(ratio: float) -> tuple[float, float]:
    """What is added to an expected share for its 90 % interval, when so many times the trials at hand are to come."""
    half = SPREAD * min(1.0, float(np.sqrt(2 * ratio)))
    return -half, half


def limit(fitted: RegimeMap) -> Shares:
    """Shares that endless trials would reach: what stays open then is what all nets owe to the one validation set.

    A reference that was estimated moves with the same images, so that most of their luck cancels; one that was given
    stays where it is.
    """
    posterior, cuts = fitted.posterior, fitted.cuts
    worlds = posterior.draw(_sample(fitted, POINTS), 4 * DRAWS)
    deviations = ndtri((np.arange(SHIFTS) + 0.5) / SHIFTS)
    p = np.zeros((*worlds.val.shape, len(REGIMES)))
    for deviation in deviations:
        val, reference = (posterior.shifted(error, float(deviation)) for error in (worlds.val, worlds.reference))
        moved = replace(worlds, val=val, reference=worlds.reference if posterior.given else reference)
        p += replace(moved, p_diverged=np.zeros_like(worlds.p_diverged)).regimes(cuts) / SHIFTS
    return _counted(p.reshape(-1, len(REGIMES)), fitted.thresholds.confidence)


def _sample(fitted: RegimeMap, points: int) -> Array:
    encoder = fitted.encoder
    return encoder.features(encoder.from_unit(encoder.sobol(points, fitted.seed)))


def _counted(p: Array, confidence: float) -> Shares:
    first, second = -np.sort(-p, axis=1)[:, :2].T
    one = first >= confidence
    return Shares(float(one.mean()), float((~one & (first + second >= confidence)).mean()))


def _to_come(fitted: RegimeMap, count: int) -> Array:
    """[count, features] of trials that are spread evenly."""
    encoder = fitted.encoder
    return encoder.features(encoder.from_unit(encoder.sobol(count, fitted.seed + 1)))


@dataclass(frozen=True, eq=False)
class _Field:
    """A belief at points [m], and by how much each trial to come lowers its variance.

    ``hidden`` and what ``widen`` adds stand for structure that the trials at hand do not resolve: with more trials less
    of it is left, in proportion to their number.
    """

    mean: Array
    variance: Array  # without ``widen``
    falls: Array  # [count + 1, m] cumulative
    n: int
    widen: float = 1.0
    hidden: float = 0.0

    @classmethod
    def of(cls, gp: GaussianProcess, x: Array, to_come: Array, noise: float | None) -> "_Field":
        """``noise``: variance of what a trial measures, in y's unit; None: of a divergence field, by its own law."""
        mean, sd = gp.predict(x)
        falls = np.zeros((len(to_come) + 1, len(x)))
        if len(to_come):
            there, known = gp.whiten(gp.covariance(gp.basis, x)), gp.whiten(gp.covariance(gp.basis, to_come))
            cross = gp.scale**2 * (gp.covariance(to_come, x) - known.T @ there)
            falls[1:] = (_root(gp, to_come, known, noise, cross) ** 2).cumsum(axis=0)
        return cls(mean, sd**2, np.minimum(falls, 0.999 * sd**2), gp.n)

    def left(self, count: int) -> Array:
        """[m] variance after ``count`` trials."""
        part = self.n / (self.n + count)
        return np.asarray((1 + part * (self.widen**2 - 1)) * (self.variance - self.falls[count]) + part * self.hidden)

    def drawn(self, normal: Array) -> Array:
        return self.mean + np.sqrt(self.left(0)) * normal

    def after(self, count: int, true: Array, luck: Array) -> tuple[Array, Array]:
        """Mean and standard deviation after ``count`` trials, in a world where the truth is ``true``."""
        now, left = self.left(0), self.left(count)
        resolved = 1 - left / now
        mean = self.mean + resolved * (true - self.mean) + np.sqrt(resolved * left) * luck
        return mean, np.sqrt(left)


def _root(gp: GaussianProcess, to_come: Array, known: Array, noise: float | None, cross: Array) -> Array:
    """L^-1 cross, with L the factor of the covariance of what the trials to come measure."""
    covariance = gp.scale**2 * (gp.covariance(to_come, to_come) - known.T @ known)
    if noise is None:
        mean, sd = gp.predict(to_come)
        added = np.maximum(1 / np.maximum(information(mean, sd**2), 1e-9) - sd**2, 1e-2)
    else:
        added = np.full(len(to_come), noise)
    covariance[np.diag_indices(len(to_come))] += added + 1e-9
    return np.asarray(solve_triangular(cholesky(covariance, lower=True), cross, lower=True))


def _noise(gp: GaussianProcess, seeds: int) -> float:
    """Variance of the mean of a configuration's seeds, each with its images."""
    return (gp.noise + (float(np.median(gp.known)) * gp.scale**2 if gp.n else 0.0)) / seeds


def _of_belief(belief: FieldBelief, x: Array, to_come: Array, seeds: int) -> _Field:
    field = _Field.of(belief.gp, x, to_come, _noise(belief.gp, seeds))
    return replace(field, widen=belief.widen, hidden=belief.hidden)


@dataclass(frozen=True, eq=False)
class _Known:
    """Both fields of a component and its reference."""

    val: _Field
    train: _Field
    reference: float
    expected: float
    variance: Array  # [count + 1] of the reference
    shared: Array  # [m] covariance of validation with the reference

    @classmethod
    def of(cls, fitted: RegimeMap, one: Component, x: Array, to_come: Array, seeds: int) -> "_Known":
        val, train = (_of_belief(belief, x, to_come, seeds) for belief in (one.val, one.train))
        posterior, gp = fitted.posterior, one.val.gp
        variance, shared = np.zeros(len(to_come) + 1), np.zeros(len(x))
        if one.best is not None:
            variance[:] = max(one.variance, 1e-6)
            shared = gp.posterior_covariance(x, posterior.tried, one.best)
            if len(to_come):
                known = gp.whiten(gp.covariance(gp.basis, to_come))
                cross = gp.posterior_covariance(to_come, posterior.tried, one.best)[:, None]
                fall = (_root(gp, to_come, known, _noise(gp, seeds), cross) ** 2).sum(axis=1).cumsum()
                variance[1:] = np.maximum(variance[0] - fall, 1e-6)
        return cls(val, train, one.reference, one.expected, variance, shared)

    def after(
        self, count: int, true: "_Known", val: tuple[Array, Array], train: tuple[Array, Array], cuts: Cuts
    ) -> tuple[Cuts, tuple[Array, Array, Array, Array]]:
        """The law and the beliefs that this component will have."""
        mean, sd = self.val.after(count, *val)
        if not self.variance[0]:
            return cuts, (mean, sd, *self.train.after(count, *train))
        resolved = 1 - self.variance[count] / self.variance[0]
        centre = self.expected + resolved * (true.reference - self.expected)
        away = (self.reference - self.expected) / np.sqrt(self.variance[0]) * np.sqrt(self.variance[count])
        shrunk = np.sqrt((1 - resolved) * sd**2 / self.val.left(0))
        limit = np.sqrt(0.95 * self.variance[count]) * sd
        shared = np.clip(self.shared * shrunk, -limit, limit) / self.variance[count]
        mean, sd = mean + shared * away, np.sqrt(sd**2 - shared**2 * self.variance[count])
        reference = min(float(cuts.error(np.array(centre + away))), 0.95 * float(cuts.chance))
        return cuts.referred(reference), (mean, sd, *self.train.after(count, *train))
