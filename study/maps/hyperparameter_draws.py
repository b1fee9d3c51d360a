"""Draws of a Gaussian process's hyperparameters from their posterior, so that no interval takes the mode for sure."""

from typing import Final

import numpy as np

from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.kernel import Hyper, negative_log_posterior

STEP: Final = 0.05  # of the finite differences of the gradient, in logarithms
PROPOSED: Final = 4  # proposals a draw


def draw_hypers(gp: GaussianProcess, draws: int, rng: np.random.Generator, *, subset: int = 150) -> list[Hyper]:
    """``draws`` hyperparameters of a process that was optimized: Laplace's approximation at the mode, corrected by
    sampling importance resampling (Rubin 1988). With fewer than 3 observations the mode alone.
    """
    if gp.n < 3:
        return [gp.hyper] * draws
    rows = np.arange(gp.n) if gp.n <= subset else np.sort(rng.choice(gp.n, subset, replace=False))
    x, known = gp.x[rows], (gp.known + gp.outlying)[rows]
    squares = (x.T[:, :, None] - x.T[:, None, :]) ** 2
    same = None if gp.groups is None else (gp.groups[rows][:, None] == gp.groups[rows]).astype(float)
    data = (gp.prior, squares, gp.prior.trend(x, x), same, gp.y[rows], known)
    mode = gp.hyper.vector
    bounds = np.array(gp.prior.bounds(x.shape[1]))
    prior_sd = gp.prior.spread(x.shape[1])
    hessian = np.empty((len(mode), len(mode)))
    for i in range(len(mode)):
        step = np.zeros(len(mode))
        step[i] = STEP
        up, down = (negative_log_posterior(mode + s * step, *data)[1] for s in (1, -1))
        hessian[i] = (up - down) / (2 * STEP)
    # In units of the prior every direction is at least as well known as by the prior alone; where the mode is at a
    # bound the curvature may say less.
    scaled = (hessian + hessian.T) / 2 * np.outer(prior_sd, prior_sd)
    values, vectors = np.linalg.eigh(scaled)
    root = prior_sd[:, None] * (vectors / np.sqrt(np.maximum(values, 1.0)))
    normal = rng.standard_normal((PROPOSED * draws, len(mode)))
    proposed = np.clip(mode + normal @ root.T, bounds[:, 0], bounds[:, 1])
    log_weight = np.array([-negative_log_posterior(v, *data)[0] for v in proposed]) + 0.5 * (normal**2).sum(1)
    weight = np.exp(log_weight - log_weight.max())
    # Truncated (Ionides 2008), or one lucky proposal would be every draw.
    weight = np.minimum(weight, weight.mean() * np.sqrt(len(weight)))
    points = (rng.random() + np.arange(draws)) / draws
    picked = np.searchsorted(np.cumsum(weight) / weight.sum(), points).clip(max=len(weight) - 1)
    return [Hyper.of(proposed[i]) for i in picked]
