"""The rule of OptunaHub's ``drlse``, as a sampler of spaces of two numbers.

``drlse`` (Inatsu, Iwazaki and Takeuchi 2021) asks which values of one index are *reliable*: under the worst
distribution of a second index near a given one, one number passes one threshold often enough. The nearest question to
that of this project is which values of the first hyperparameter give good nets for more than so large a share of the
second. The registry cannot be installed from here, so this is the rule of its paper, not its code: the acquisition of
equation 3.2, with 16 quantiles of the next observation in place of the exact regions of lemma 3.1, and with the
settings of the example in its documentation: a kernel that is never fitted, points from -2 to 2, five random trials.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import norm

from benchmarks.regime_search.samplers import Joint
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder, row_of

Array = NDArray[np.float64]

SIZE: Final = 24  # values of each index
STARTUP: Final = 5
ALPHA, RADIUS, BETA, GAMMA = 0.4, 0.3, 4.0, 1e-3  # level, of the ambiguity set, squared width of intervals, of the sd
NOISE: Final = 0.04  # variance, in squared logits: of a usual net
QUANTILES: Final = norm.ppf((np.arange(16) + 0.5) / 16)


class ReliableSetSampler(Joint):
    """Chooses the pair of indices that is expected to settle most values of the first one as reliable."""

    def __init__(self, space: dict[str, BaseDistribution], cuts: Cuts, seed: int) -> None:
        super().__init__(space)
        self._encoder, self._cuts, self._rng = Encoder(space), cuts, np.random.default_rng(seed)
        centres = (np.arange(SIZE) + 0.5) / SIZE
        unit = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
        self._points = self._encoder.from_unit(unit)
        where = 4 * unit - 2
        self._kernel = np.exp(-np.square(where[:, None] - where[None]).sum(-1))
        self._asked: dict[int, int] = {}  # trial -> place on the grid

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        ended = [t for t in study.get_trials(deepcopy=False) if t.state is TrialState.COMPLETE]
        free = np.setdiff1d(np.arange(SIZE**2), list(self._asked.values()))
        place = int(self._rng.choice(free))
        if len(ended) >= STARTUP:
            # Above 0: a good net, which is what is to pass the threshold.
            passed = self._cuts.z_good - self._cuts.z(np.array([t.values[1] for t in ended]))
            mean, covariance = self._posterior([self._asked[t.number] for t in ended], passed)
            worth = acquisition(mean, covariance)
            if worth is not None:
                best = free[worth[free] >= worth[free].max() - 1e-12]
                place = int(self._rng.choice(best))
        self._asked[trial.number] = place
        return row_of(self._points, place)

    def _posterior(self, places: list[int], values: Array) -> tuple[Array, Array]:
        known = cho_factor(self._kernel[np.ix_(places, places)] + NOISE * np.eye(len(places)))
        across = self._kernel[places]
        return across.T @ cho_solve(known, values), self._kernel - across.T @ cho_solve(known, across)


def acquisition(mean: Array, covariance: Array) -> Array | None:
    """[grid] of a field above 0: values of the first index that one more observation is expected to make reliable, or
    a little of its standard deviation if that is more; None: every value is settled."""
    variance = np.maximum(covariance.diagonal(), 1e-12)
    half = np.sqrt(BETA * variance)
    reliable, doubtful = worst_case(mean - half > 0) > ALPHA, worst_case(mean + half > 0) > ALPHA
    open_ = doubtful & ~reliable
    if not open_.any():
        return None
    worth = np.empty(len(mean))
    rows = np.repeat(open_, SIZE)
    for i, spread in enumerate(variance + NOISE):
        step = covariance[i, rows] / np.sqrt(spread)
        low = mean[rows] - np.sqrt(BETA * np.maximum(variance[rows] - step**2, 1e-12))
        settled = worst_case(low + QUANTILES[:, None] * step > 0) > ALPHA
        worth[i] = settled.sum() / len(QUANTILES)
    return np.maximum(worth, GAMMA * np.sqrt(variance))


def worst_case(passes: NDArray[np.bool_]) -> Array:
    """[..., X] least share of the second index that passes, of [..., X * SIZE]: so much of an even distribution may be
    moved to a value that fails, where there is one."""
    share = passes.reshape(*passes.shape[:-1], -1, SIZE).mean(axis=-1)
    return np.where(share == 1, 1.0, np.maximum(share - RADIUS / 2, 0))
