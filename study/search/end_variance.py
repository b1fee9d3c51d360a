"""What a map knows of a trial's end before that trial has shown anything."""

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.gp import GaussianProcess

Array = NDArray[np.float64]

FEWEST = 8  # ends from which anything is known
GROWTH = 1.25  # refit the hyperparameters when the ends grew by this factor
STEPS, SUBSET = 30, 200  # of such a fit: it runs between two reports of trials


class Knowledge:
    """Two Gaussian processes over the hyperparameters, of (validation, training) z at the end of a trial.

    Deterministic in the order of :meth:`tell`: hyperparameters are fitted from the prior, on the ends that were
    there at the latest mark of growth, so a rule that is restored knows what the interrupted one knew.
    """

    def __init__(self) -> None:
        self._features: list[Array] = []
        self._ends: list[Array] = []
        self._known: list[Array] = []
        self._fields: list[GaussianProcess] = []  # of validation and of training; empty before the first fit
        self._mark = FEWEST

    def tell(self, features: Array, z: Array, variance: Array) -> None:
        """An end: ``z`` [2], and how far off it may be where it was predicted, ``variance`` [2]."""
        self._features.append(features)
        self._ends.append(z)
        self._known.append(variance)
        if len(self._ends) >= self._mark:
            self._fit()
        else:
            for k, field in enumerate(self._fields):
                field.append(features, float(z[k]), float(variance[k]))

    def spread(self, features: Array) -> Array | None:
        """[2] variance of the end of a trial with these features, its seed's noise included; None: too few ends."""
        if not self._fields:
            return None
        return np.array([field.predict(features[None])[1][0] ** 2 + field.noise for field in self._fields])

    def _fit(self) -> None:
        x, y, known = np.array(self._features), np.array(self._ends), np.array(self._known)
        self._fields = [GaussianProcess(x, y[:, k], known[:, k]) for k in range(2)]
        for field in self._fields:
            field.optimize(steps=STEPS, subset=SUBSET)
        self._mark = int(np.ceil(len(x) * GROWTH))
