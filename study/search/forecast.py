"""How a trial will end, told from its first epochs by trials that ran in full.

A locally weighted ridge regression at each rung (an early point of the schedule), from where the learning
curve stands, how fast it moves and what the hyperparameters are, to how far it still goes. Curves are those of a
constant learning rate: under any other schedule the first t epochs of T are not a run of t epochs.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST_RUNG, RUNG_RATIO = 0.05, 1.25
FEWEST = 8  # full trials from which anything is predicted
NEIGHBOURS = 0.6  # share of the full trials within one bandwidth
RIDGES = (0.1, 1.0, 10.0, 100.0, 1000.0)
INFLATION = 1.1  # of the residual covariance: the ridge was chosen on the same trials
MOST_ABOVE = 6  # of the standardized features


def rungs(total: int) -> list[int]:
    """Epochs, about evenly spaced in the logarithm, at which a trial of ``total`` epochs is looked at."""
    fractions = FIRST_RUNG * RUNG_RATIO ** np.arange(60)
    return sorted({int(np.ceil(f * total)) for f in fractions if f < 1} - {total})


@dataclass
class LearningCurve:
    """z of (validation, training) error by epoch, of one trial."""

    features: Array  # encoded hyperparameters
    total: int  # epochs it is meant to run
    z: dict[int, Array] = field(default_factory=dict)  # epoch -> [2]
    diverged: bool = False
    _states: dict[int, Array] = field(default_factory=dict)

    def state(self, epoch: int) -> Array | None:
        """[5] z, its movement since the rung before, the lowest z of validation; None if not recorded."""
        if epoch in self.z and epoch not in self._states:
            before = [e for e in rungs(self.total) if e < epoch and e in self.z]
            moved = self.z[epoch] - self.z[before[-1]] if before else np.zeros(2)
            lowest = min(z[0] for e, z in self.z.items() if e <= epoch)
            self._states[epoch] = np.concatenate([self.z[epoch], moved, [lowest]])
        return self._states.get(epoch)


@dataclass(frozen=True)
class Forecast:
    """Where (validation, training) z will end, as a Student t, and whether there will be an end at all."""

    mean: Array  # [2]
    covariance: Array  # [2, 2]
    degrees: float
    p_diverged: float

    @property
    def variance(self) -> Array:
        """[2]"""
        return np.diag(self.covariance) * self.degrees / (self.degrees - 2)

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """[n, 2]"""
        normal = rng.multivariate_normal(np.zeros(2), self.covariance, size=n)
        return self.mean + normal / np.sqrt(rng.chisquare(self.degrees, size=(n, 1)) / self.degrees)


def forecast(curve: LearningCurve, epoch: int, full: list[LearningCurve]) -> Forecast | None:
    """The end of ``curve`` as seen at ``epoch``; None while too few full trials tell.

    Rungs of trials with another number of epochs are matched by their share of the schedule.
    """
    here = curve.state(epoch)
    share = epoch / curve.total
    known = [(c, s) for c in full if (s := c.state(max(1, round(share * c.total)))) is not None]
    if here is None or sum(not c.diverged for c, _ in known) < FEWEST:
        return None
    states = np.array([np.concatenate([s, c.features]) for c, s in known])
    centre, spread = states.mean(0), np.maximum(states.std(0), 1e-3)
    states = (states - centre) / spread
    query = np.clip((np.concatenate([here, curve.features]) - centre) / spread, -MOST_ABOVE, MOST_ABOVE)
    distance = np.sqrt(((states - query) ** 2).sum(1))
    bandwidth = max(float(np.quantile(distance, NEIGHBOURS)), 1e-6)
    weight = np.exp(-0.5 * (distance / bandwidth) ** 2)
    diverged = np.array([c.diverged for c, _ in known])
    p_diverged = float((weight @ diverged + 0.05) / (weight.sum() + 1))
    finite = [(c, s) for c, s in known if not c.diverged]
    moves = np.array([c.z[c.total] - s[:2] for c, s in finite])
    mean, covariance, degrees = _regress(states[~diverged], moves, weight[~diverged], query)
    return Forecast(here[:2] + mean, covariance, degrees, p_diverged)


def _regress(x: Array, y: Array, weight: Array, query: Array) -> tuple[Array, Array, float]:
    """Weighted ridge, its penalty chosen for each output by leave-one-out error: few trials want it strong.

    Returns the prediction [2] at ``query``, its covariance from leave-one-out residuals, degrees of freedom.
    """
    design = np.column_stack([np.ones(len(x)), x])
    row = np.concatenate([[1.0], query])
    weighted = design.T * weight
    penalty = np.eye(design.shape[1])
    penalty[0, 0] = 0
    means, residuals, leverages = [], [], []
    for ridge in RIDGES:
        inverse = np.linalg.inv(weighted @ design + ridge * penalty)
        coefficients = inverse @ weighted @ y
        leverage = np.minimum(weight * np.einsum("ij,jk,ik->i", design, inverse, design), 0.95)
        means.append(row @ coefficients)
        residuals.append((y - design @ coefficients) / (1 - leverage)[:, None])
        leverages.append(np.sqrt(1 + row @ inverse @ row))
    best = [int(np.argmin([weight @ residual[:, k] ** 2 for residual in residuals])) for k in range(2)]
    residual = np.stack([residuals[best[k]][:, k] for k in range(2)], axis=1)
    spread = np.array([leverages[b] for b in best])
    covariance = INFLATION * np.outer(spread, spread) * ((residual.T * weight) @ residual) / weight.sum()
    effective = weight.sum() ** 2 / (weight**2).sum()
    mean = np.array([means[best[k]][k] for k in range(2)])
    return mean, covariance + 1e-6 * np.eye(2), max(effective - 2, 3.0)
