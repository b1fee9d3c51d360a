"""Errors with more images than there are: the map's learning curve, continued by a power law with a floor.

The law is that of Hestness et al. 2017 (section 3) and of Cortes et al. 1993: E(N) = floor + a N^-b. The map knows the
errors up to the images at hand, as draws; each draw is continued by laws that fit it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.special import expit, logit, ndtri

from fitscape.study.maps.gp import TAILS
from fitscape.study.maps.regime_map import RegimeMap

Array = NDArray[np.float64]

IMAGES: Final = "train_fraction"
FARTHEST: Final = 4.0  # times the images at hand: what can be vouched for by predicting all images from a quarter
SPAN: Final = 8.0  # part of the images, down to top / SPAN, whose errors the law is fitted to
GRID: Final = 6  # points of it
WORLDS: Final = 1200  # draws of the map
LAWS: Final = 400  # shapes that continue them
MISFIT: Final = 0.05  # standard deviation of the log error around a law
NO_FLOOR: Final = 0.15  # laws without a floor for each one with
EXPONENT: Final = (0.5, 0.6)  # median, and standard deviation of its logarithm
LEARNED: Final = 0.6  # of chance: an error below it has begun to follow the law
LEAST_ERROR: Final = 1e-4


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Expected errors of new nets at one point against images, as draws, and how single nets scatter around them."""

    top: float  # images at hand, in the unit of the hyperparameter
    error: Array  # [D] with as many images
    floor: Array  # [D] share of it that no number of images takes away
    exponent: Array  # [D]
    scatter: Array  # [D] of the logit error of one net

    def at(self, images: float, *, nets: bool = False) -> Array:
        """[D] errors with so many images; of single nets, or expected.

        Raises:
            ValueError: more than ``FARTHEST`` times the images at hand.
        """
        if images > FARTHEST * self.top * (1 + 1e-9):
            raise ValueError(f"no answer beyond {FARTHEST:g} times the images at hand")
        error = self.error * (self.floor + (1 - self.floor) * (images / self.top) ** -self.exponent)
        error = np.clip(error, LEAST_ERROR, 1 - LEAST_ERROR)
        return np.asarray(expit(logit(error) + self.scatter) if nets else error)

    def band(self, images: float, level: float = 0.9, *, nets: bool = False) -> tuple[float, float]:
        low, high = np.quantile(self.at(images, nets=nets), [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)

    def needed(self, part: float, level: float = 0.9) -> tuple[float, float]:
        """Images with which so large a part of the errors at hand is left: ends of the interval.

        Infinite beyond ``FARTHEST``. What the error is now is not quite known either; by what it falls does not hang
        on that.
        """
        share = np.maximum(part - self.floor, 0) / (1 - self.floor)
        with np.errstate(divide="ignore"):
            images = self.top * np.maximum(share ** (-1 / self.exponent), 1.0)
        images = np.where(images <= FARTHEST * self.top, images, np.inf)
        low, high = np.quantile(images, [0.5 - level / 2, 0.5 + level / 2], method="inverted_cdf")
        return float(low), float(high)


def learning_curve(
    fitted: RegimeMap, point: Mapping[str, Any], *, val_n: float = 0.0, chosen: bool = False
) -> LearningCurve | None:
    """The curve at a point; None where the images are no hyperparameter of the space, or hardly vary, or where nets
    with half of them have hardly learned.

    Args:
        val_n: images behind a measured error, whose luck scatters single nets too; 0: that is left out.
        chosen: as for :meth:`RegimeMap.error_interval`.
    """
    ends = _ends(fitted)
    if ends is None or ends[1] < 2 * ends[0]:
        return None
    rng = np.random.default_rng([fitted.seed, 6])
    low, top = ends
    shares, features = _grid(fitted, point, max(low, top / SPAN), top)
    learned = fitted.fields.cuts.error(fitted.fields.val.predict(features)[0]) < LEARNED * fitted.cuts.chance
    if not learned.any() or shares[learned][0] > top / 2:
        return None
    shares, features = _grid(fitted, point, float(shares[learned][0]), top)
    drawn = fitted.posterior.val_processes
    each = -(-WORLDS // len(drawn))
    z = np.concatenate([gp.sample(features, each, rng) for gp in drawn])
    z = z + fitted.posterior.flattery(features[-1:]) if chosen else z
    noise = np.repeat([gp.noise for gp in drawn], each)
    errors = np.log(np.maximum(fitted.fields.cuts.error(z), LEAST_ERROR))
    # Which law continues a draw: shapes by how well they fit, and draws that no shape fits count less.
    shape_rng = rng.random((LAWS, 2))
    floor = np.maximum((1 + NO_FLOOR) * shape_rng[:, 0] - NO_FLOOR, 0.0)
    exponent = np.exp(np.log(EXPONENT[0]) + EXPONENT[1] * ndtri(shape_rng[:, 1]))
    shapes = np.log(floor[:, None] + (1 - floor[:, None]) * (shares / top) ** -exponent[:, None])
    level = (errors[:, None, :] - shapes).mean(axis=2)
    square = ((errors[:, None, :] - shapes - level[..., None]) ** 2).sum(axis=2) / MISFIT**2
    weight = np.exp(-0.5 * (square - square.min()))
    picked = rng.choice(weight.size, WORLDS, p=(weight / weight.sum()).ravel())
    world, shape = np.unravel_index(picked, weight.shape)
    error = np.exp(level[world, shape])
    sampling = 1 / (np.clip(error * (1 - error), 1e-4, None) * val_n) if val_n else 0.0
    scatter = np.sqrt(noise[world] * rng.gamma(TAILS / 2, 2 / TAILS, WORLDS) ** -1.0 + sampling)
    return LearningCurve(top, error, floor[shape], exponent[shape], scatter * rng.standard_normal(WORLDS))


def _grid(fitted: RegimeMap, point: Mapping[str, Any], low: float, top: float) -> tuple[Array, Array]:
    """Numbers of images between two, and the features of the point with each."""
    shares = np.geomspace(low, top, GRID)
    return shares, fitted.encoder.features(pd.DataFrame([{**point, IMAGES: share} for share in shares]))


def _ends(fitted: RegimeMap) -> tuple[float, float] | None:
    distribution = fitted.encoder.space.get(IMAGES)
    if isinstance(distribution, CategoricalDistribution):
        numbers = sorted(c for c in distribution.choices if isinstance(c, int | float))
        return (float(numbers[0]), float(numbers[-1])) if len(numbers) >= 3 else None
    return (distribution.low, distribution.high) if isinstance(distribution, FloatDistribution) else None
