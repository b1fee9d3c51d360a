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
from optuna.trial import FrozenTrial, TrialState

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder, row_of
from fitscape.study.maps.error_models import Fields, Outcomes
from fitscape.study.maps.regime_map import OPTIONAL
from fitscape.study.search.regime_sampler_acquisition import straddle, targeted
from fitscape.study.search.regime_sampler_belief import Belief

Array = NDArray[np.float64]

START = 12  # configurations of a Sobol design before the first model
TEMPER = 0.5  # power of the cost that a score is divided by: expected costs are rough
GROWTH = 1.07  # refit the hyperparameters when the trials grew by this factor
INTEGRATION, CANDIDATES = 384, 2048
REPEATABLE = 128  # trials that may be repeated, drawn anew at each refit
SUBSET = 300  # rows that the hyperparameters are fitted on
EXPLORE_REFERENCE = 8  # every so many asks look for a better reference error, where it is not given


class RegimeSampler(BaseSampler):
    """Suggests the trial that says most about where regimes end.

    For an Optuna study with two directions ``minimize``, values (train_error, val_error), both rates. A trial
    that diverged has ``user_attrs["diverged"] = True`` (any state); any other failed trial is ignored. Optional
    user attributes are the optional columns of :meth:`study.maps.RegimeMap.fit`. Running trials count as
    pending observations, so parallel workers spread out.
    A configuration may be suggested again where seed noise hides its regime: run it with another seed.

    Args:
        space: hyperparameter -> distribution; these are sampled together, others at random. None: those that every
            trial has had so far, which the first trial, and whatever changes its space, cannot profit from.
        chance_error: error of always answering the most frequent class.
        reference_error: best reachable validation error; None: estimated as trials come in.
        tau: excess skill that still counts as good.
        untrained: skill of the training error from which nothing was learned.
        classes: of the data set, where training labels are noisy; None: balanced classes.
        seed: of all draws; None: unpredictable.
        cost: what trials at given points take, relative to each other [n]; None: not known yet. What is learned is
            then weighed against it.

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
    ) -> None:
        self._cost = cost
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
        self._memory: _Memory | None = None

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
                memory = self._memory = _Memory(study.study_name, Encoder(search_space))
            point = memory.suggested[trial.number] = self._suggest(memory, study, trial)
        return {name: point[name] for name in search_space}

    def _suggest(self, memory: "_Memory", study: Study, trial: FrozenTrial) -> dict[str, Any]:
        encoder = memory.encoder
        pending = memory.read(study)
        n = len(memory.configurations)
        begun = memory.configurations | {key_of(point) for point in pending}
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

    def _per_cost(self, score: Array, memory: "_Memory") -> Array:
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

    def _update(self, memory: "_Memory") -> None:
        """Bring the belief to the finished trials: by rank-one updates, or by a refit after enough growth."""
        n = len(memory.points)
        if memory.belief is not None and n < memory.fitted_n * GROWTH + 1e-9 and n <= memory.fitted_n + 64:
            for i in range(memory.belief.n, n):
                memory.belief.append(memory.features[i], memory.outcomes(slice(i, i + 1)))
            return
        encoder, outcomes = memory.encoder, memory.outcomes(slice(n))
        features = np.array(memory.features)
        start = None if memory.belief is None else memory.belief.fields.hypers
        cuts = replace(self._cuts, reference=self._reference_error(memory, outcomes))
        fields = Fields(cuts, features, outcomes, start)
        # A sampler that starts late, after `fitscape resume`, must not keep its first trial waiting.
        steps = 6 if start is not None else 30 if n <= SUBSET else 12
        fields.optimize(steps=steps, subset=SUBSET, seed=int(self._rng.integers(2**31)))
        integration, fresh = (
            encoder.from_unit(encoder.sobol(size, int(self._rng.integers(2**31)))) for size in (INTEGRATION, CANDIDATES)
        )
        whole = [i for i, point in enumerate(memory.points) if encoder.space.keys() <= point.keys()]
        tried = [int(i) for i in self._rng.permutation(whole)[:REPEATABLE]]
        memory.fresh, memory.tried, memory.fitted_n, memory.costs = fresh, tried, n, None
        pool = np.concatenate([encoder.features(integration), encoder.features(fresh), features[tried]])
        memory.belief = Belief(fields, pool, INTEGRATION)

    def _reference_error(self, memory: "_Memory", outcomes: Outcomes) -> float:
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


class _Memory:
    """The finished trials of one study, in the order they were first seen, and the belief built on them."""

    def __init__(self, study: str, encoder: Encoder) -> None:
        self.study, self.encoder = study, encoder
        self.belief: Belief | None = None
        self.fitted_n = 0
        self.fresh, self.tried = pd.DataFrame(), list[int]()  # candidates: new points, and trials to repeat
        self.costs: Array | None = None  # of the candidates
        self.configurations: set[tuple[Any, ...]] = set()  # of the points
        self.suggested: dict[int, dict[str, Any]] = {}  # of trials that have not finished
        self.points: list[dict[str, Any]] = []
        self.features: list[Array] = []
        self._rows: list[tuple[float, ...]] = []
        self._read: set[int] = set()  # numbers of the trials that are over

    def read(self, study: Study) -> list[dict[str, Any]]:
        """Take in what has finished; returns the points of the trials that run."""
        pending, new = [], []
        for trial in study.get_trials(deepcopy=False):
            if trial.number in self._read:
                continue
            if trial.state.is_finished():
                self._read.add(trial.number)
                self.suggested.pop(trial.number, None)
                if (row := _outcome(trial)) is not None:
                    new.append((trial.params, row))
            elif trial.state is TrialState.RUNNING:
                # Optuna stores a hyperparameter when it is asked for: of a trial that has just begun, we know more.
                point = self.suggested.get(trial.number, trial.params)
                if self.encoder.space.keys() <= point.keys():
                    pending.append(point)
        if new:
            self.points.extend(params for params, _ in new)
            self.configurations |= {key_of(params) for params, _ in new}
            self.features.extend(self.encoder.features(pd.DataFrame([params for params, _ in new])))
            self._rows.extend(row for _, row in new)
        return pending

    def outcomes(self, rows: slice) -> Outcomes:
        train, val, diverged, *optional = np.array(self._rows[rows], dtype=float).T
        return Outcomes(train, val, diverged.astype(bool), *optional)


def key_of(point: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal for trials of one configuration."""
    return tuple(sorted(point.items()))


def _outcome(trial: FrozenTrial) -> tuple[float, ...] | None:
    """A row of Outcomes; None where the trial says nothing."""
    optional = [float(trial.user_attrs.get(name) or 0) for name in OPTIONAL]
    values = trial.values or []
    if trial.user_attrs.get("diverged"):
        return (np.nan, np.nan, True, *optional)
    if trial.state is not TrialState.COMPLETE or len(values) != 2 or not np.isfinite(values).all():
        return None
    train, val = np.clip(values, 0, 1)
    return (float(train), float(val), False, *optional)
