"""The luck in a point that was chosen for its low prediction, as the study itself shows it.

A Bayesian's own prediction would need no such thing if its prior were right. On planted landscapes the error of the
chosen point was up to twice the one predicted (docs/LOG.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.field_belief import FieldBelief

Array = NDArray[np.float64]

CHOSEN: Final = 3  # configurations of lowest prediction that show the luck of a chosen point


@dataclass(frozen=True)
class Luck:
    """Of the ``CHOSEN`` configurations that a map without them predicts lowest.

    Attributes:
        excess: by how much their measured z lies above the prediction, in the mean; 0 where it lies below.
        variance: of those predictions, in the mean.
    """

    excess: float = 0.0
    variance: float = 1.0

    @classmethod
    def of(cls, beliefs: Sequence[FieldBelief], configurations: NDArray[np.intp]) -> Self:
        """``configurations``: the number of each run's configuration [n]."""
        runs = np.bincount(configurations)
        excess, variances = [], []
        for one in beliefs:
            told = *one.without, one.gp.centre + one.gp.scale * one.gp.y
            predicted, variance, measured = (np.bincount(configurations, of_run) / runs for of_run in told)
            lowest = np.argsort(predicted, kind="stable")[:CHOSEN]
            excess.append((measured - predicted)[lowest].mean())
            variances.append(variance[lowest].mean())
        return cls(max(0.0, float(np.mean(excess))), float(np.mean(variances)))

    def left(self, variance: Array, without: Array) -> Array:
        """[m] The excess that is left at points whose predictions have these variances.

        The luck of the lowest of many predictions goes with their standard deviation, as every order statistic does.
        What is said without a point's own runs then counts beside them by its share of the precision: five runs
        leave nearly nothing of the luck.

        Args:
            variance: [m] with all runs.
            without: [m] without the runs of the point itself; ``variance`` where it was not run.
        """
        return np.asarray(self.excess * np.sqrt(np.minimum(without / self.variance, 1.0)) * variance / without)
