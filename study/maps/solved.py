"""The posterior of a Gaussian process, solved for: a Cholesky factor and weights, to which rows can be added."""

from typing import Self

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.blas import dtrmm

from fitscape.study.maps.kernel import Array
from fitscape.study.maps.triangular import inverse

CHUNK = 64  # rows by which the factor's buffer grows
MANY = 256  # ranks from which the factor is inverted for as many columns: a product is several times as fast as solving


class Solved:
    """``basis`` [rank, features]: points whose values are known, each in part.

    With its prior covariance k [rank] with the basis, the mean at a point is (L^-1 k) . weights, and its variance falls
    by |L^-1 k|^2.

    Args:
        factor: L [rank, rank], lower triangular.
        weights: [rank]
    """

    def __init__(self, basis: Array, factor: Array, weights: Array) -> None:
        self.basis = basis
        self._factor, self._asked = _padded(factor), 0
        self._inverse: Array | None = None
        self.asked: tuple[Array, Array] | None = None  # the latest points, and their covariances with the basis
        self.averaged: tuple[Array, Array, Array] | None = None  # points, weights, and what is explained of their mean
        self.weights = weights

    @classmethod
    def of(cls, basis: Array, factor: Array, values: Array) -> Self:
        """Where the ``values`` [rank] at the basis, of covariance L L', are known."""
        solved = cls(basis, factor, values)
        solved.weights = solved.whiten(values)
        return solved

    @property
    def rank(self) -> int:
        return len(self.basis)

    @property
    def factor(self) -> Array:
        """[rank, rank]"""
        return self._factor[: self.rank, : self.rank]

    def whiten(self, columns: Array) -> Array:
        """L^-1 columns, [rank, ...]; a padded buffer keeps BLAS from copying the factor."""
        if columns.ndim == 2 and self.rank >= MANY:
            self._asked += columns.shape[1]
            if self._asked > self.rank:
                if self._inverse is None:
                    self._inverse = inverse(self.factor)
                return np.asarray(dtrmm(1.0, self._inverse, columns, lower=1))
        room = np.zeros((len(self._factor), *columns.shape[1:]), order="F")
        room[: self.rank] = columns
        solved: Array = solve_triangular(self._factor, room, lower=True, check_finite=False, overwrite_b=True)
        return solved[: self.rank]

    def explained(self, column: Array) -> Array:
        """(L L')^-1 column, [rank]."""
        return np.asarray(cho_solve((self.factor, True), column, check_finite=False))

    def append(self, point: Array, row: Array, value: float) -> None:
        """One more value, whose row of the factor is [rank + 1]."""
        rank, self._inverse, self._asked = self.rank, None, 0
        self.asked = self.averaged = None
        if rank + 1 > len(self._factor):
            self._factor = _padded(self._factor)
        self._factor[rank, : rank + 1] = row
        self.weights = np.append(self.weights, (value - row[:rank] @ self.weights) / row[rank])
        self.basis = np.vstack([self.basis, point[None]])


def _padded(factor: Array) -> Array:
    n = len(factor)
    larger = np.asfortranarray(np.eye((n // CHUNK + 1) * CHUNK))
    larger[:n, :n] = factor
    return larger
