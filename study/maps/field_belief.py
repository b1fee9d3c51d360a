"""What one error field is believed to be, under one draw of its hyperparameters."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.one_thread import one_thread
from fitscape.study.regimes.rule import PRIOR_DF

Array = NDArray[np.float64]

WAVES: Final = 64
HIDDEN_SCALE: Final = 0.3  # length scale of hidden structure, of a side of the cube: finer than trials resolve


@dataclass(frozen=True, eq=False)
class FieldBelief:
    """One field under one draw of its hyperparameters, with what its residuals say of it.

    ``widen``: its standard deviations count so many times (residuals of left-out configurations). ``hidden``:
    variance of structure finer than the field resolves. Without replicates a ridge between the trials passes for seed
    noise; what is larger than the noise that nets are known for is therefore held for structure.
    """

    gp: GaussianProcess
    widen: float
    hidden: float
    left_out: Array  # [2, n] mean and the process's variance at each run from the runs of the other configurations

    @classmethod
    @one_thread
    def of(cls, gp: GaussianProcess, configurations: NDArray[np.intp], usual_sd: float) -> Self:
        replicates = gp.n - len(np.unique(configurations))
        unknown = PRIOR_DF / (PRIOR_DF + replicates)
        left_out = np.array(gp.leave_one_out(configurations))
        return cls(gp, float(np.sqrt(gp.misfit(*left_out))), unknown * max(gp.noise - usual_sd**2, 0.0), left_out)

    @property
    def without(self) -> tuple[Array, Array]:
        """Mean and variance [n], as of ``predict``, at each run from the runs of the other configurations."""
        mean, variance = self.left_out
        return mean, self.widen**2 * variance + self.hidden

    @one_thread
    def predict(self, features: Array, *, again: bool = False) -> tuple[Array, Array]:
        mean, sd = self.gp.predict(features, again=again)
        return mean, np.hypot(self.widen * sd, np.sqrt(self.hidden))

    @one_thread
    def draw(self, features: Array, draws: int, rng: np.random.Generator) -> Array:
        """[draws, m] joint draws."""
        z = self.gp.sample(features, draws, rng, widen=self.widen)
        if self.hidden:
            # A stationary process of short range from random waves (Rahimi and Recht 2007).
            waves = rng.standard_normal((features.shape[1], WAVES)) / HIDDEN_SCALE
            amplitude = rng.standard_normal((draws, WAVES, 2)) * np.sqrt(self.hidden / WAVES)
            angle = features @ waves
            z += amplitude[..., 0] @ np.cos(angle).T + amplitude[..., 1] @ np.sin(angle).T
        return z
