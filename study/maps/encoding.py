"""A search space as coordinates: points <-> the unit cube <-> the features that the Gaussian processes see."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import qmc

from fitscape.study.errors import UserError

Array = NDArray[np.float64]
Points = pd.DataFrame | Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]

ONE_HOT = 0.7  # two categories lie 0.7 * sqrt(2), about one side of the cube, apart
LOG_SPREAD = 4.0  # numeric choices that span more than this factor are spaced by their logarithm


class _Range:
    """An int or float hyperparameter: one feature in [0, 1]."""

    width = 1

    def __init__(self, distribution: IntDistribution | FloatDistribution) -> None:
        self.whole = isinstance(distribution, IntDistribution)
        self.log, self.step = distribution.log, None if distribution.log else distribution.step
        self.low, self.high = float(distribution.low), float(distribution.high)
        # Each whole number gets the share of a log axis from v - 1/2 to v + 1/2.
        margin = 0.5 if self.whole and self.log else 0.0
        self._ends = self._warp(np.array([self.low, self.high]))
        self._wide = self._warp(np.array([self.low - margin, self.high + margin]))
        self._count = round((self.high - self.low) / self.step) + 1 if self.step else 0

    def _warp(self, values: Array) -> Array:
        return np.log(values) if self.log else values

    def features(self, column: Sequence[Any]) -> Array:
        values = np.array([np.nan if value is None else value for value in column], dtype=float)
        position = (self._warp(values) - self._ends[0]) / (self._ends[1] - self._ends[0])
        return np.where(np.isfinite(position), position, 0.5)[:, None]  # an absent hyperparameter sits in the middle

    def from_unit(self, u: Array) -> list[Any]:
        if self.step:
            values = self.low + self.step * np.minimum(np.floor(u * self._count), self._count - 1)
        else:
            values = self._wide[0] + u * (self._wide[1] - self._wide[0])
            values = np.exp(values) if self.log else values
        values = np.clip(np.rint(values) if self.whole else values, self.low, self.high)
        return [int(v) for v in values] if self.whole else values.tolist()

    def to_unit(self, column: Sequence[Any]) -> Array:
        values = np.array(column, dtype=float)
        if self.step:
            return ((values - self.low) / self.step + 0.5) / self._count
        return (self._warp(values) - self._wide[0]) / (self._wide[1] - self._wide[0])

    def grid(self, n: int) -> Array:
        values = np.linspace(self._ends[0], self._ends[1], n)
        return np.exp(values) if self.log else values


class _Ordered(_Range):
    """Three or more numeric choices (depths, widths): an ordered axis, each choice with an equal share."""

    def __init__(self, choices: Sequence[float]) -> None:
        self.choices = sorted(choices)
        low, high = float(self.choices[0]), float(self.choices[-1])
        super().__init__(FloatDistribution(low, high, log=low > 0 and high / low > LOG_SPREAD))

    def from_unit(self, u: Array) -> list[Any]:
        n = len(self.choices)
        return [self.choices[int(i)] for i in np.minimum(u * n, n - 1)]

    def to_unit(self, column: Sequence[Any]) -> Array:
        return (np.searchsorted(self.choices, np.array(column, dtype=float)) + 0.5) / len(self.choices)


class _Categorical:
    """Unordered choices: one-hot features."""

    def __init__(self, choices: Sequence[Any]) -> None:
        self.choices = list(choices)
        self.width = len(self.choices)

    def features(self, column: Sequence[Any]) -> Array:
        values = [None if value != value else value for value in column]  # pandas turns None into NaN
        hot = [[ONE_HOT * (value == choice) for choice in self.choices] for value in values]
        return np.array(hot, dtype=float).reshape(len(column), self.width)

    def from_unit(self, u: Array) -> list[Any]:
        return [self.choices[int(i)] for i in np.minimum(u * self.width, self.width - 1)]

    def to_unit(self, column: Sequence[Any]) -> Array:
        return np.array([(self.choices.index(value) + 0.5) / self.width for value in column])


def _axis(distribution: BaseDistribution) -> _Range | _Categorical:
    if isinstance(distribution, (IntDistribution, FloatDistribution)):
        return _Range(distribution)
    if not isinstance(distribution, CategoricalDistribution):
        raise ValueError(f"{type(distribution).__name__}: use an Int, Float or Categorical distribution")
    numbers = [c for c in distribution.choices if isinstance(c, (int, float)) and not isinstance(c, bool)]
    ordered = len(numbers) == len(set(numbers)) == len(distribution.choices) >= 3
    return _Ordered(numbers) if ordered else _Categorical(distribution.choices)


class Encoder:
    """Coordinates of one search space. Hyperparameters that can take a single value only have no coordinate.

    Numeric axes go to [0, 1], by logarithm where the distribution says so; unordered choices are one-hot
    times 0.7; three or more numeric choices (depths, widths) are an ordered axis.

    Raises:
        ValueError: a distribution that is not Optuna's Int, Float or Categorical.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self.space = dict(space)
        self.names = [name for name, d in self.space.items() if not d.single()]
        self._axes = [_axis(self.space[name]) for name in self.names]
        self.fixed = {name: _axis(d).from_unit(np.zeros(1))[0] for name, d in self.space.items() if d.single()}
        self.dimensions = len(self.names)  # of the unit cube

    @property
    def numeric_columns(self) -> dict[str, int]:
        """Of each numeric hyperparameter, which of the features it is."""
        ends = np.cumsum([axis.width for axis in self._axes])
        numeric = zip(self.names, self._axes, ends, strict=True)
        return {name: int(end) - 1 for name, axis, end in numeric if isinstance(axis, _Range)}

    def frame(self, points: Points) -> pd.DataFrame:
        """Points as a table, from one, a mapping of columns, or a list of points.

        Raises:
            UserError: no column is a hyperparameter of the space.
        """
        table = points if isinstance(points, pd.DataFrame) else pd.DataFrame(points)
        if self.names and not {*table.columns} & self.space.keys():
            there = ", ".join(map(str, table.columns)) or "none"
            raise UserError(f"no column is one of {', '.join(self.space)}", where="points", fix=f"there is {there}")
        return table

    def features(self, points: pd.DataFrame) -> Array:
        """[n, features]; a column or a value that is absent sits in the middle of its axis."""
        n = len(points)
        columns = [points[name].tolist() if name in points else [None] * n for name in self.names]
        parts = [axis.features(column) for axis, column in zip(self._axes, columns, strict=True)]
        return np.concatenate([np.zeros((n, 0)), *parts], axis=1)

    def from_unit(self, unit: Array) -> pd.DataFrame:
        """Points of [n, dimensions] coordinates in the unit cube; whole and stepped hyperparameters are rounded."""
        columns = {
            name: axis.from_unit(unit[:, i]) for i, (name, axis) in enumerate(zip(self.names, self._axes, strict=True))
        }
        columns |= {name: [value] * len(unit) for name, value in self.fixed.items()}
        frame = {
            name: pd.Series(columns[name], dtype=object if isinstance(d, CategoricalDistribution) else None)
            for name, d in self.space.items()
        }
        return pd.DataFrame(frame)

    def grid(self, name: str, n: int) -> Array:
        """n values over the whole range of one numeric hyperparameter, spaced as its axis is.

        Raises:
            ValueError: no such hyperparameter, or it is not numeric.
        """
        axis = self._axes[self.names.index(name)] if name in self.names else None
        if not isinstance(axis, _Range):
            raise ValueError(f"{name}: not a numeric hyperparameter of the space")
        return axis.grid(n)

    def to_unit(self, points: pd.DataFrame) -> Array:
        """[n, dimensions]; the inverse of :meth:`from_unit` up to rounding."""
        columns = [axis.to_unit(points[name].tolist()) for name, axis in zip(self.names, self._axes, strict=True)]
        return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))

    def sobol(self, n: int, seed: int) -> Array:
        """The first n points [n, dimensions] of a scrambled Sobol sequence."""
        if not self.dimensions:
            return np.zeros((n, 0))
        engine = qmc.Sobol(self.dimensions, scramble=True, rng=np.random.default_rng(seed))
        return engine.random_base2(max(0, int(np.ceil(np.log2(max(n, 1))))))[:n]


def row_of(points: pd.DataFrame, row: int) -> dict[str, Any]:
    """One point in plain Python types: a row of a frame would turn whole numbers into floats."""
    return {str(name): points[name].iloc[row : row + 1].tolist()[0] for name in points}
