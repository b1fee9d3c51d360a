"""An Optuna sampler that seeks the boundaries between regimes instead of the best trial."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder, row_of
from fitscape.study.maps.error_models import Fields, Outcomes
from fitscape.study.maps.one_thread import one_thread
from fitscape.study.search.designs import START
from fitscape.study.search.regime_sampler_acquisition import straddle, targeted
from fitscape.study.search.regime_sampler_belief import SamplerBelief
from fitscape.study.search.regime_sampler_memory import Fitted, Memory, Refit, key_of

Array = NDArray[np.float64]

TEMPER = 0.5  # power of the cost that a score is divided by: expected costs are rough
GROWTH = 1.07  # refit the hyperparameters when the trials grew by this factor
INTEGRATION, CANDIDATES = 384, 2048
REPEATABLE = 128  # trials that may be repeated, drawn anew at each refit
SUBSET = 300  # rows that the hyperparameters are fitted on
EXPLORE_REFERENCE = 8  # every so many asks look for a better reference error, where it is not given


class RegimeSampler(BaseSampler):
    """Suggests the trial that says most about where regimes end.

    For any Optuna study: an objective calls ``fitscape.report_errors``, which writes the user attributes
    ``train_error``, ``val_error`` and ``diverged``. In a study with two directions ``minimize`` the values are the
    errors where no attribute says them. Both are rates. A trial that diverged counts in any state; any other failed
    trial is ignored. Optional user attributes are the optional columns of :meth:`study.maps.RegimeMap.fit`. Running
    trials count as pending observations, so parallel workers spread out.
    A configuration may be suggested again where seed noise hides its regime: run it with another seed.

    Args:
        space: hyperparameter -> distribution; these are sampled together, others at random. None: those that every
            trial has had so far, which the first trial, and whatever changes its space, cannot profit from.
        chance_error: error of always answering the most frequent class.
        reference_error: validation error to measure against; None: estimated as trials come in.
        tau: excess skill that still counts as good.
        untrained: skill of the training error from which nothing was learned.
        classes: of the data set, where training labels are noisy; None: balanced classes.
        seed: of all draws; None: unpredictable.
        cost: what trials at given points take, relative to each other [n]; None: not known yet. What is learned is
            then weighed against it.
        beside: finished trials from which on hyperparameters are refitted in a thread, while asks go on; which ask
            sees them first is then a matter of time. None: never.

    Raises:
        ValueError: an error rate outside of 0 to 1, or a chance error of 0.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution] | None,
        *,
        chance_error: float,
        reference_error: float | None = None,
        tau: float = 0.05,
        untrained: float = 0.9,
        classes: float | None = None,
        seed: int | None = None,
        cost: Callable[[Sequence[dict[str, Any]]], Array | None] | None = None,
        beside: int | None = None,
    ) -> None:
        self._cost, self._beside = cost, beside
        self._cuts = Cuts(chance_error, reference_error or 0.0, tau, untrained, classes=classes)
        self._space = None if space is None else dict(space)
        self._shared = IntersectionSearchSpace()
        self._reference = reference_error
        self._independent = RandomSampler(seed)
        self._lock = threading.Lock()
        self._seed(seed)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _seed(self, seed: int | None) -> None:
        self._rng = np.random.default_rng(seed)
        self._sobol_seed = int(self._rng.integers(2**31))
        self._memory: Memory | None = None

    def reseed_rng(self) -> None:
        self._independent.reseed_rng()
        self._seed(None)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if self._space is not None:
            return dict(self._space)
        return {name: d for name, d in self._shared.calculate(study).items() if not d.single()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space or search_space.keys() <= trial.system_attrs.get("fixed_params", {}).keys():
            return {}  # an enqueued trial needs no suggestion
        with self._lock:
            memory = self._memory
            if memory is None or memory.study != study.study_name or memory.encoder.space != search_space:
                memory = self._memory = Memory(study.study_name, Encoder(search_space))
            point = memory.suggested[trial.number] = self._suggest(memory, study, trial)
        return {name: point[name] for name in search_space}

    @one_thread
    def _suggest(self, memory: Memory, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        encoder = memory.encoder
        pending = memory.read(study)
        n = len(memory.configurations)
        begun = memory.configurations | {key_of(point) for point in pending} if n < START else memory.configurations
        if len(begun) < START or n < START // 2 or not encoder.dimensions:
            return row_of(encoder.from_unit(encoder.sobol(trial.number + 1, self._sobol_seed)[-1:]), 0)
        self._update(memory)
        belief = memory.belief
        assert belief is not None
        views = belief.views(encoder.features(pd.DataFrame(pending)))
        beliefs = belief.prediction(views)
        if self._reference is None and trial.number % EXPLORE_REFERENCE == 0:
            score = -(beliefs.val_mean - beliefs.val_sd)[belief.split :]
        elif trial.number % 2:
            score = straddle(belief, views, beliefs)
        else:
            score = targeted(belief, views, beliefs)
        best = int(np.argmax(self._per_cost(score, memory)))
        return row_of(memory.fresh, best) if best < CANDIDATES else memory.points[memory.tried[best - CANDIDATES]]

    def _per_cost(self, score: Array, memory: Memory) -> Array:
        """[candidates] worth for what it costs. A score below 0 is worse where it is dear."""
        if self._cost is None:
            return score
        if memory.costs is None:
            fresh = [{str(k): v for k, v in row.items()} for row in memory.fresh.to_dict("records")]
            memory.costs = self._cost([*fresh, *(memory.points[i] for i in memory.tried)])
        if memory.costs is None:
            return score
        dear = (memory.costs / np.median(memory.costs)) ** TEMPER
        return np.where(score > 0, score / dear, score * dear)

    def _update(self, memory: Memory) -> None:
        """Bring the belief to the finished trials: by rank-one updates, or by a refit after enough growth.

        A refit of many trials goes on beside the asks, which meanwhile follow the belief that there is.
        """
        n = len(memory.points)
        if memory.refit is not None and not memory.refit.is_alive():
            over, memory.refit = memory.refit, None
            memory.take(over.result())
        due = memory.belief is None or n >= memory.fitted_n * GROWTH + 1e-9 or n > memory.fitted_n + 64
        if due and memory.refit is None:
            fit = self._refit(memory)
            if memory.belief is None or self._beside is None or n < self._beside:
                memory.take(fit())
            else:
                memory.refit = Refit(fit)
        assert memory.belief is not None
        for i in range(memory.belief.n, n):
            memory.belief.append(memory.features[i], memory.outcomes(slice(i, i + 1)))

    def _refit(self, memory: Memory) -> Callable[[], Fitted]:
        """What is to be computed; all that changes meanwhile, and every random number, is taken now."""
        n, encoder, outcomes = len(memory.points), memory.encoder, memory.outcomes(slice(None))
        features = np.array(memory.features)
        start = None if memory.belief is None else memory.belief.fields.hypers
        cuts = replace(self._cuts, reference=self._reference_error(memory, outcomes))
        # A sampler that starts late, after `fitscape resume`, must not keep its first trial waiting.
        steps = 6 if start is not None else 30 if n <= SUBSET else 12
        seeds = [int(self._rng.integers(2**31)) for _ in range(3)]
        whole = [i for i, point in enumerate(memory.points) if encoder.space.keys() <= point.keys()]
        tried = [int(i) for i in self._rng.permutation(whole)[:REPEATABLE]]

        @one_thread
        def fit() -> Fitted:
            fields = Fields(cuts, features, outcomes, start)
            fields.optimize(steps=steps, subset=SUBSET, seed=seeds[0])
            integration, fresh = (
                encoder.from_unit(encoder.sobol(size, seed))
                for size, seed in ((INTEGRATION, seeds[1]), (CANDIDATES, seeds[2]))
            )
            pool = np.concatenate([encoder.features(integration), encoder.features(fresh), features[tried]])
            return Fitted(SamplerBelief(fields, pool, INTEGRATION), fresh, tried, n)

        return fit

    def _reference_error(self, memory: Memory, outcomes: Outcomes) -> float:
        """The given reference error, or the lowest posterior mean over the pool: unlike the lowest observed
        error, it is not the luckiest of many noisy numbers (the winner's curse).
        """
        if self._reference is not None:
            return self._reference
        finite = outcomes.val_error[~outcomes.diverged]
        if memory.belief is None:
            lowest = float(np.min(finite)) if len(finite) else 0.0
        else:
            belief = memory.belief
            mean = belief.fields.val.centre + belief.fields.val.scale * belief.val.mean
            lowest = float(belief.cuts.error(np.array([mean.min()]))[0])
        return lowest
