"""Where training diverges: a probit Gaussian process by expectation propagation.

At EP's fixed point the posterior is that of a regression on one pseudo-observation (a "site") a trial, and the
evidence's gradient is that regression's with the sites held fixed (Rasmussen and Williams 2006, sections 3.6
and 5.5.2). So the plain Gaussian process serves: it is given the sites' targets and variances. A trial deep
inside its region gets a site of large variance and hardly counts; the cliff's course is learned from a plane
plus a smooth bend, where a regression on +-1 would have to fit a step.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.inducing import process
from fitscape.study.maps.kernel import Hyper, Prior

Array = NDArray[np.float64]

LATENT = Prior(constant=100.0, slope=400.0, scale=0.7, signal=25.0, noise=0.0)
SWEEPS, DAMPING = 12, 0.8
SWEEPS_MATCHED = 3  # from sites that fit already: P(diverged) then moves by less than 0.01 at any point
WIDEST = 1e4  # variance of a site that says nothing


def hazard(t: Array) -> Array:
    """phi(t) / Phi(t), stable in the tails."""
    return np.exp(-0.5 * t**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(t))


def match_site(mean: Array, variance: Array, sign: Array) -> tuple[Array, Array]:
    """Targets and variances of the sites that match the moments of Phi(sign f) N(f; mean, variance)."""
    root = np.sqrt(1 + variance)
    t = sign * mean / root
    ratio = hazard(t)
    shrink = ratio * (ratio + t) / (1 + variance)  # relative fall of the variance, per variance
    site_variance = np.clip(1 / np.maximum(shrink, 1e-12) - variance, 1e-2, WIDEST)
    return mean + sign * ratio / root * (variance + site_variance), site_variance


def probability(mean: Array, variance: Array) -> Array:
    """P(diverged) where the latent function is N(mean, variance)."""
    return ndtr(mean / np.sqrt(1 + variance))


def information(mean: Array, variance: Array) -> Array:
    """[m] g: one more trial there is expected to lower the variance at z by g cov(z, trial)^2."""
    t = mean / np.sqrt(1 + variance)
    return hazard(t) * hazard(-t) / (1 + variance)


class DivergenceField:
    """P(diverged) over the features, from flags [n]."""

    def __init__(self, x: Array, diverged: NDArray[np.bool_], hyper: Hyper | None = None) -> None:
        n = len(diverged)
        self.sign = np.where(diverged, 1.0, -1.0)
        self.any = bool(diverged.any())
        self._gp = process(x, np.zeros(n), np.full(n, WIDEST), prior=LATENT, hyper=hyper, standardize=False)
        self._settled = not self.any

    @classmethod
    def settled(cls, gp: GaussianProcess, diverged: NDArray[np.bool_]) -> Self:
        """The field whose latent function's process has its sites already."""
        other = cls.__new__(cls)
        other.sign, other.any = np.where(diverged, 1.0, -1.0), bool(diverged.any())
        other._gp, other._settled = gp, True
        return other

    @property
    def gp(self) -> GaussianProcess:
        """The latent function's process. Its sites are settled when it is first wanted: an optimization of many
        trials, which begins with a part of them, has no use for them before.
        """
        if not self._settled:
            self._propagate(SWEEPS, self._gp.joint())
        return self._gp

    def _propagate(self, sweeps: int, joint: Array) -> None:
        """Parallel EP, damped in the sites' natural parameters."""
        self._settled = True
        gp = self._gp
        for _ in range(sweeps):
            mean, variance = gp.moments(joint)
            variance = np.maximum(variance, 1e-8)
            precision = 1 / gp.known
            cavity_precision = np.maximum(1 / variance - precision, 1e-6)
            cavity_mean = (mean / variance - gp.y * precision) / cavity_precision
            target, site = match_site(cavity_mean, 1 / cavity_precision, self.sign)
            fresh = DAMPING / site + (1 - DAMPING) * precision
            shift = DAMPING * target / site + (1 - DAMPING) * gp.y * precision
            change = float(np.max(np.abs(fresh - precision) / (precision + 1e-3)))
            gp.condition(gp.x, shift / fresh, 1 / fresh, joint)
            if change < 1e-2:
                break

    def optimize(self, *, steps: int, subset: int, rng: np.random.Generator) -> None:
        """Alternate between the hyperparameters, sites held, and the sites.

        More than ``subset`` trials: those of a random part of them, whose sites are the start for all.
        """
        if not self.any:
            return
        if len(self.sign) > subset:
            self._adopt(self._part(steps, subset, rng))
            return
        for part in (steps // 2, steps - steps // 2):
            self.gp.optimize(steps=part, subset=subset, rng=rng)
            self._propagate(SWEEPS, self._gp.joint())

    def _part(self, steps: int, subset: int, rng: np.random.Generator) -> "DivergenceField":
        diverged = self.sign > 0
        rows = rng.choice(len(diverged), subset, replace=False)
        if not diverged[rows].any():
            rows[0] = np.argmax(diverged)
        part = DivergenceField(self._gp.x[rows], diverged[rows], self._gp.hyper)
        part.optimize(steps=steps, subset=subset, rng=rng)
        return part

    def _adopt(self, part: "DivergenceField") -> None:
        """The part's hyperparameters, and sites matched to what it predicts."""
        gp = self._gp
        gp.hyper = part.gp.hyper
        joint, (mean, sd) = gp.joint(), part.gp.predict(gp.x)
        gp.condition(gp.x, *match_site(mean, sd**2, self.sign), joint)
        self._propagate(SWEEPS_MATCHED, joint)

    def append(self, x: Array, diverged: bool) -> Array:
        """One more trial, its site matched once (assumed-density filtering); the new row of the factor."""
        sign = 1.0 if diverged else -1.0
        mean, sd = self.gp.predict(x[None])
        target, variance = match_site(mean, sd**2, np.array([sign]))
        self.any |= diverged
        self.sign = np.append(self.sign, sign)
        return self.gp.append(x, float(target[0]), float(variance[0]))

    def probability(self, mean: Array, variance: Array) -> Array:
        """[m] P(diverged) of latent moments; while nothing has diverged, a small constant."""
        if not self.any:
            return np.full(len(mean), 0.5 / (self.gp.n + 1))
        return probability(mean, variance)

    def sample_probability(self, points: Array, draws: int, rng: np.random.Generator) -> Array:
        """[draws, m] joint draws of P(diverged); while nothing has diverged, one rate a draw for all points, of the
        Jeffreys posterior whose mean is the small constant.
        """
        if not self.any:
            return np.broadcast_to(rng.beta(0.5, self.gp.n + 0.5, (draws, 1)), (draws, len(points)))
        return np.asarray(ndtr(self.gp.sample(points, draws, rng)))
