"""The samplers that are compared, by name."""

from itertools import product
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from benchmarks.regime_search.simulate import Exhausted, Terrain
from fitscape.study.maps.encoding import Encoder
from fitscape.study.search.designs import START
from fitscape.study.search.regime_sampler import RegimeSampler
from fitscape.study.search.samplers import Cost
from fitscape.study.search.sources import EVERY

GRID_POINTS = 200  # at most, evenly spaced along each axis
SOBOL_POINTS = 1024


class Joint(BaseSampler):
    """Draws all hyperparameters of a space together."""

    def __init__(self, space: dict[str, BaseDistribution]) -> None:
        self._space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: Any) -> Any:
        raise NotImplementedError("every hyperparameter is sampled together")


class Listed(Joint):
    """A design: points in a fixed order, whatever the results."""

    def __init__(self, space: dict[str, BaseDistribution], points: list[dict[str, Any]]) -> None:
        super().__init__(space)
        self._points = points

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        if trial.number >= len(self._points):
            raise Exhausted
        return self._points[trial.number]


class WithEvenPart(Joint):
    """A sampler as a study runs it (``study.search.sources``): with a design that looks at nothing among its points."""

    def __init__(self, space: dict[str, BaseDistribution], sampler: BaseSampler, points: list[dict[str, Any]]) -> None:
        super().__init__(space)
        self._sampler, self._points = sampler, iter(points)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        if trial.number < START or (trial.number - START) % EVERY == EVERY - 1:
            return next(self._points)
        return self._sampler.sample_relative(study, trial, search_space)


def _sobol(space: dict[str, BaseDistribution], seed: int) -> list[dict[str, Any]]:
    """Scrambled Sobol over all hyperparameters, categoricals included."""
    encoder = Encoder(space)
    points = encoder.from_unit(encoder.sobol(SOBOL_POINTS, seed))
    return [{str(name): value for name, value in point.items()} for point in points.to_dict("records")]


def _grid(space: dict[str, BaseDistribution], seed: int) -> list[dict[str, Any]]:
    """About GRID_POINTS points, shuffled: all categories, as many values of the others as there is room for."""
    encoder = Encoder(space)
    kinds = {n: d.choices for n, d in space.items() if isinstance(d, CategoricalDistribution)}
    room = GRID_POINTS / np.prod([len(c) for c in kinds.values()])
    per_axis = max(2, int(room ** (1 / max(1, len(space) - len(kinds)))))
    centres = (np.arange(per_axis) + 0.5) / per_axis
    axes = encoder.from_unit(np.repeat(centres[:, None], encoder.dimensions, axis=1))
    values = [list(kinds[n]) if n in kinds else sorted(set(axes[n])) for n in space]
    points = [dict(zip(space, point, strict=True)) for point in product(*values)]
    return [points[i] for i in np.random.default_rng(seed).permutation(len(points))]


def make(name: str, terrain: Terrain, seed: int, pending: int, cost: Cost | None = None) -> BaseSampler:
    """A sampler by name; the regime sampler knows the reference error, but for the ``estimated`` ones.

    ``even-estimated`` is what the recipe `regimes` runs: with an even part.
    """
    if name in ("regime", "regime-estimated", "even-estimated"):
        sampler = RegimeSampler(
            terrain.space,
            chance_error=terrain.cuts.chance,
            reference_error=terrain.cuts.reference if name == "regime" else None,
            tau=terrain.cuts.tau,
            seed=seed,
            cost=cost,
        )
        if not name.startswith("even"):
            return sampler
        return WithEvenPart(terrain.space, sampler, _sobol(terrain.space, seed))
    if name == "sobol":
        return Listed(terrain.space, _sobol(terrain.space, seed))
    if name == "random":
        return RandomSampler(seed)
    if name == "tpe":
        return TPESampler(seed=seed, constant_liar=pending > 1)
    assert name == "grid"
    return Listed(terrain.space, _grid(terrain.space, seed))
