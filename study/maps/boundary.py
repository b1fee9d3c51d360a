"""Boundary lines with bands in the plane of two hyperparameters."""

from dataclasses import dataclass

import contourpy
import numpy as np
from contourpy import LineType
from numpy.typing import NDArray

from fitscape.study.maps.decision import REGIMES

Array = NDArray[np.float64]
BAND = (0.1, 0.9)


@dataclass(frozen=True)
class Boundary:
    """Where one regime begins."""

    regime: str
    lines: tuple[Array, ...]  # polylines [points, 2] in the hyperparameters' own units, probability one half
    low: tuple[Array, ...]  # the band's outer lines, probability one tenth
    high: tuple[Array, ...]  # the band's inner lines, probability nine tenths


@dataclass(frozen=True)
class BoundarySet:
    """All boundaries in one plane, and the probabilities they were traced on."""

    x: str
    y: str
    x_values: Array  # [nx]
    y_values: Array  # [ny]
    probabilities: Array  # [ny, nx, 5] in the order of REGIMES
    boundaries: tuple[Boundary, ...]  # of the regimes that have a line here


def trace(x: str, y: str, x_values: Array, y_values: Array, probabilities: Array) -> BoundarySet:
    """Contour each regime's probability on the grid, by index so that log axes stay straight between nodes."""

    def lines(grid: Array, level: float) -> tuple[Array, ...]:
        contours = contourpy.contour_generator(z=grid, line_type=LineType.Separate).lines(level)
        columns, rows = np.arange(len(x_values)), np.arange(len(y_values))
        assert isinstance(contours, list)
        return tuple(
            np.stack([np.interp(c[:, 0], columns, x_values), np.interp(c[:, 1], rows, y_values)], axis=1)
            for c in map(np.asarray, contours)
        )

    boundaries = []
    for k, regime in enumerate(REGIMES):
        middle = lines(probabilities[..., k], 0.5)
        if middle:
            low, high = (lines(probabilities[..., k], level) for level in BAND)
            boundaries.append(Boundary(regime, middle, low, high))
    return BoundarySet(x, y, x_values, y_values, probabilities, tuple(boundaries))
