"""Designs that do not look at results: scrambled Sobol, random, grid. Pure functions of an index.

Being functions of the index, they go on after a crash from the number of configurations already there, with no
state of their own. Sobol covers all hyperparameters, categorical ones included (Optuna's QMCSampler draws them at
random, and needs about a tenth more trials for the same map).
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from fitscape.study.samplers import SAMPLERS
from fitscape.study.search.space import Point, Space, grid_size, grid_value

START = 12  # configurations of an even design before a sampler that seeks boundaries chooses one
GRID_LEVELS = 5  # of a range without a step
LISTED = 1_000_000  # points of a grid up to which its order is drawn as a whole


class Design(ABC):
    """A sequence of points of a space."""

    repeatable = True  # may two indices give the same point, to be run as replicates?

    def __init__(self, space: Space, seed: int = 0) -> None:
        self.space, self.seed = space, seed

    @abstractmethod
    def point(self, index: int) -> Point | None:
        """Point number ``index``, from 0; None past the end."""


class Sobol(Design):
    """Scrambled Sobol sequence over every hyperparameter (Owen 1995)."""

    def point(self, index: int) -> Point | None:
        if not self.space:
            return {}
        from scipy.stats import qmc  # half a second: enqueued trials begin before it, the rest of the start goes on

        engine = qmc.Sobol(len(self.space), scramble=True, rng=np.random.default_rng(self.seed))
        if index:
            engine.fast_forward(index)
        return from_unit(engine.random(1)[0], self.space)


class Random(Design):
    """Independent uniform draws."""

    def point(self, index: int) -> Point | None:
        rng = np.random.default_rng([self.seed, index])
        return from_unit(rng.random(len(self.space)), self.space)


class Grid(Design):
    """Every combination of levels, in a seeded random order so that a stopped grid still covers the space."""

    repeatable = False

    def __init__(self, space: Space, seed: int = 0) -> None:
        super().__init__(space, seed)
        self._levels = [levels(d) for d in space.values()]
        self.size = math.prod(map(len, self._levels))
        self._order: Callable[[int], int] = (
            np.random.default_rng(seed).permutation(self.size).__getitem__
            if self.size <= LISTED
            else Shuffle(self.size, seed)
        )

    def point(self, index: int) -> Point | None:
        if index >= self.size:
            return None
        rest, values = int(self._order(index)), []
        for of_one in reversed(self._levels):  # the last hyperparameter changes fastest
            rest, at = divmod(rest, len(of_one))
            values.append(of_one[at])
        return dict(zip(self.space, reversed(values), strict=True))


class Shuffle:
    """A seeded permutation of 0 to size - 1 that takes no memory: a Feistel network over the next power of four.

    What it maps beyond the size is mapped again until it is inside (cycle walking; Black and Rogaway 2002).
    """

    ROUNDS = 6

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._half = size, max(1, -(-(size - 1).bit_length() // 2))
        self._seed = seed

    def __call__(self, index: int) -> int:
        index = self._permuted(index)
        while index >= self._size:
            index = self._permuted(index)
        return index

    def _permuted(self, index: int) -> int:
        left, right = index >> self._half, index & ((1 << self._half) - 1)
        for number in range(self.ROUNDS):
            key = f"{self._seed}/{number}/{right}".encode()
            digest = int.from_bytes(hashlib.sha256(key).digest()[:16], "big")
            left, right = right, left ^ (digest & ((1 << self._half) - 1))
        return left << self._half | right


DESIGNS = {name: sampler.load() for name, sampler in SAMPLERS.items() if not sampler.adaptive}


def from_unit(u: np.ndarray, space: Space) -> Point:
    """A point of the unit cube, shape [len(space)], as a point of the space."""
    return {name: _from_unit(float(x), d) for x, (name, d) in zip(u, space.items(), strict=True)}


def _from_unit(u: float, d: BaseDistribution) -> object:
    u = min(max(u, 0.0), np.nextafter(1.0, 0.0))
    if isinstance(d, CategoricalDistribution):
        return d.choices[int(u * len(d.choices))]
    assert isinstance(d, FloatDistribution | IntDistribution)
    if isinstance(d, FloatDistribution) and d.step is None:
        if d.log:
            return float(np.clip(np.exp(np.log(d.low) + u * np.log(d.high / d.low)), d.low, d.high))
        return d.low + u * (d.high - d.low)
    if isinstance(d, IntDistribution) and d.log:
        low, high = np.log(d.low - 0.5), np.log(d.high + 0.5)
        return int(np.clip(round(float(np.exp(low + u * (high - low)))), d.low, d.high))
    return grid_value(d, int(u * grid_size(d)))


def levels(d: BaseDistribution) -> list[object]:
    """The grid's values of one hyperparameter: its choices, its steps, or GRID_LEVELS evenly spaced ones."""
    if isinstance(d, CategoricalDistribution):
        return list(d.choices)
    assert isinstance(d, FloatDistribution | IntDistribution)
    if d.low == d.high:
        return [d.low]
    if not d.log and d.step is not None and not (isinstance(d, IntDistribution) and d.step == 1):
        return [grid_value(d, index) for index in range(grid_size(d))]
    values = (np.geomspace if d.log else np.linspace)(d.low, d.high, GRID_LEVELS)
    values[0], values[-1] = d.low, d.high
    if isinstance(d, IntDistribution):
        return [int(v) for v in np.unique(np.round(values))]
    return [float(v) for v in values]
