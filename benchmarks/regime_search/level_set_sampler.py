"""The level-set acquisitions of AEPsych on the Gaussian processes of BoTorch, as a sampler of Optuna.

Both packages know one level of one number. The boundaries of regimes are levels of three: the validation error where
nets stop to be good, the training error where they have learned nothing, and the difference that parts underfitting
from overfitting. A fourth is whether a net diverged. Each has a Gaussian process of its own and is a level set of its
own, and what an acquisition says of the four is put together.

AEPsych and BoTorch are no dependencies of this project: importing this module needs them.
"""

from typing import Any, Final, Literal

import numpy as np
import torch
from aepsych.acquisition import GlobalMI, MCLevelSetEstimation
from botorch.acquisition.objective import IdentityMCObjective, ScalarizedPosteriorTransform
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from benchmarks.regime_search.samplers import Joint
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder, row_of
from fitscape.study.search.designs import START

Array = NDArray[np.float64]
Level = tuple[SingleTaskGP, float, float]  # a field, the level that is sought, the spread of what was observed

GROWTH: Final = 1.07  # hyperparameters are fitted again after so much growth, as the regime sampler does
CANDIDATES: Final = 1024
SHORTLIST, EVEN, QUERIES = 32, 64, 128  # for GlobalMI: best by the straddle, evenly drawn, points it asks about


class LevelSetSampler(Joint):
    """Sobol points, as many as the regime sampler begins with, then the best of many candidates by an acquisition.

    ``straddle``: MCLevelSetEstimation with its default of 3.84, the largest of the levels, each in units of what was
    observed (Bryan et al. 2005). ``information``: GlobalMI, the sum over the levels (Letham et al. 2022); an
    observation counts as one that passed its level or not, which is how AEPsych sees it.
    """

    def __init__(
        self, space: dict[str, BaseDistribution], cuts: Cuts, acquisition: Literal["straddle", "information"], seed: int
    ) -> None:
        super().__init__(space)
        self._encoder, self._cuts, self._acquisition = Encoder(space), cuts, acquisition
        self._rng = np.random.default_rng(seed)
        self._start = self._encoder.from_unit(self._encoder.sobol(START, int(self._rng.integers(2**31))))
        self._seed = seed
        self._fitted: dict[str, tuple[int, dict[str, Any]]] = {}  # field -> trials that it was fitted on, its state

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        if trial.number < START:
            return row_of(self._start, trial.number)
        torch.manual_seed(self._seed + trial.number)
        levels = self._levels(study)
        points = self._encoder.from_unit(self._encoder.sobol(CANDIDATES, int(self._rng.integers(2**31))))
        where = torch.as_tensor(self._encoder.features(points))
        with torch.no_grad():
            score = _straddle(levels, where)
            if self._acquisition == "information":
                queries = self._encoder.from_unit(self._encoder.sobol(QUERIES, int(self._rng.integers(2**31))))
                few = np.union1d(np.arange(EVEN), np.argsort(score)[-SHORTLIST:])
                asked = torch.as_tensor(self._encoder.features(queries))
                best = few[int(np.argmax(_information(levels, where[few], asked)))]
                return row_of(points, int(best))
        return row_of(points, int(np.argmax(score)))

    def _levels(self, study: Study) -> list[Level]:
        """The fields of what has finished."""
        ended = [t for t in study.get_trials(deepcopy=False) if t.state in (TrialState.COMPLETE, TrialState.FAIL)]
        diverged = np.array([t.state is TrialState.FAIL for t in ended])
        frame = self._encoder.frame([t.params for t in ended])
        features = self._encoder.features(frame)
        train, val = np.array([t.values for t in ended if t.state is TrialState.COMPLETE]).reshape(-1, 2).T
        z_train, z_val = self._cuts.z(train), self._cuts.z(val)
        seen = features[~diverged]
        numbers = {
            "validation": (seen, z_val, self._cuts.z_good),
            "training": (seen, z_train, self._cuts.z_untrained),
            "bias": (seen, z_train - self._cuts.z_half(z_val), 0.0),
            "divergence": (features, np.where(diverged, 1.0, -1.0), 0.0),
        }
        return [self._level(name, *of) for name, of in numbers.items() if len(of[1]) > 1 and np.ptp(of[1]) > 0]

    def _level(self, name: str, features: Array, values: Array, level: float) -> Level:
        """A field with the package's own kernel and priors; between fits its hyperparameters stay."""
        model = SingleTaskGP(torch.as_tensor(features), torch.as_tensor(values)[:, None])
        at, state = self._fitted.get(name, (0, {}))
        if len(values) >= at * GROWTH:
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            kept = {key: value for key, value in model.state_dict().items() if not key.startswith("outcome_transform")}
            self._fitted[name] = len(values), kept
        else:
            model.load_state_dict(state, strict=False)
        model.eval()
        return model, level, float(values.std(ddof=1))


def _straddle(levels: list[Level], where: torch.Tensor) -> Array:
    """[candidates] the largest of the levels' straddles."""
    scores = [
        MCLevelSetEstimation(model, target=level, objective=IdentityMCObjective())(where[:, None]).numpy() / spread
        for model, level, spread in levels
    ]
    return np.asarray(np.max(scores, axis=0))


def _information(levels: list[Level], where: torch.Tensor, asked: torch.Tensor) -> Array:
    """[candidates] what the levels of ``asked`` and an observation say of each other, added up."""
    total = np.zeros(len(where))
    unit = torch.zeros(where.shape[1]), torch.ones(where.shape[1])
    for model, level, spread in levels:
        noise = float(model.likelihood.noise.sqrt()) * spread  # of an observation, in the field's own unit
        scaled = ScalarizedPosteriorTransform(weights=torch.tensor([1 / noise]).to(where), offset=-level / noise)
        information = GlobalMI(
            *unit, model=model, target=0.5, posterior_transform=scaled, query_set_size=len(asked), Xq=asked
        )
        total += information(where[:, None]).numpy()
    return total
