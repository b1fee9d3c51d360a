"""An Optuna sampler that seeks the boundaries between regimes instead of the best trial."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from study.maps.decision import Cuts
from study.maps.encoding import Encoder
from study.maps.fields import Fields, Outcomes
from study.maps.regime_map import OPTIONAL
from study.search.regime_sampler_acquisition import straddle, targeted
from study.search.regime_sampler_belief import Belief

Array = NDArray[np.float64]

START = 12  # Sobol points before the first model
GROWTH = 1.07  # refit the hyperparameters when the trials grew by this factor
INTEGRATION, CANDIDATES = 384, 768
SUBSET = 300  # rows that the hyperparameters are fitted on
EXPLORE_REFERENCE = 8  # every so many asks look for a better reference error, where it is not given


class RegimeSampler(BaseSampler):
    """Suggests the trial that tells most about where regimes end.

    For an Optuna study with two directions ``minimize``, values (train_error, val_error), both rates. A trial
    that diverged has ``user_attrs["diverged"] = True`` (any state); any other failed trial is ignored. Optional
    user attributes are the optional columns of :meth:`study.maps.RegimeMap.fit`. Running trials count as
    pending observations, so parallel workers spread out.
    A configuration may be suggested again where seed noise hides its regime: run it with another seed.

    Args:
        space: dial -> distribution; the dials that are sampled together. Others are sampled at random.
        chance_error: error of always answering the most frequent class.
        reference_error: best reachable validation error; None: estimated as trials come in.
        tau: excess skill that still counts as good.
        seed: of all draws; None: unpredictable.

    Raises:
        ValueError: an error rate outside 0 <= reference < chance < 1.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution],
        *,
        chance_error: float,
        reference_error: float | None = None,
        tau: float = 0.05,
        untrained: float = 0.9,
        seed: int | None = None,
    ) -> None:
        Cuts(chance_error, reference_error or 0.0, tau, untrained)  # refuse bad numbers here, not in a trial
        self._space = dict(space)
        self._chance, self._reference, self._tau, self._untrained = chance_error, reference_error, tau, untrained
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
        return dict(self._space)

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
            if self._memory is None or self._memory.encoder.space != search_space:
                self._memory = _Memory(Encoder(search_space))
            point = self._suggest(self._memory, study, trial)
        return {name: point[name] for name in search_space}

    def _suggest(self, memory: "_Memory", study: Study, trial: FrozenTrial) -> dict[str, Any]:
        encoder = memory.encoder
        pending = memory.read(study, trial.number)
        n = len(memory.numbers)
        if n + len(pending) < START or n < START // 2 or not encoder.dimensions:
            return _point(encoder, encoder.sobol(trial.number + 1, self._sobol_seed)[-1:])
        self._update(memory)
        belief = memory.belief
        assert belief is not None
        views = belief.views(encoder.features(pd.DataFrame([t.params for t in pending])))
        beliefs = belief.prediction(views)
        if self._reference is None and trial.number % EXPLORE_REFERENCE == 0:
            score = -(beliefs.val_mean - beliefs.val_sd)[belief.split :]
        elif trial.number % 2:
            score = straddle(belief, views, beliefs)
        else:
            score = targeted(belief, views, beliefs)
        best = int(np.argmax(score))
        return _point(encoder, memory.unit[best : best + 1])

    def _update(self, memory: "_Memory") -> None:
        """Bring the belief to the finished trials: by rank-one updates, or by a refit after enough growth."""
        n = len(memory.numbers)
        if memory.belief is not None and n < memory.fitted_n * GROWTH + 1e-9 and n <= memory.fitted_n + 64:
            for i in range(memory.belief.n, n):
                memory.belief.append(memory.features[i], memory.outcomes(slice(i, i + 1)))
            return
        encoder, outcomes = memory.encoder, memory.outcomes(slice(n))
        features = np.array(memory.features)
        start = None if memory.belief is None else memory.belief.fields.hypers
        cuts = Cuts(self._chance, self._reference_error(memory, outcomes), self._tau, self._untrained)
        fields = Fields(cuts, features, outcomes, start)
        fields.optimize(steps=30 if start is None else 6, subset=SUBSET, seed=int(self._rng.integers(2**31)))
        integration = encoder.sobol(INTEGRATION, int(self._rng.integers(2**31)))
        memory.unit = encoder.sobol(CANDIDATES, int(self._rng.integers(2**31)))
        pool = encoder.features(encoder.from_unit(np.concatenate([integration, memory.unit])))
        memory.belief, memory.fitted_n = Belief(fields, pool, INTEGRATION), n

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
        return min(max(lowest, 0.0), 0.95 * self._chance)


class _Memory:
    """The finished trials of one study, in the order they were first seen, and the belief built on them."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.belief: Belief | None = None
        self.fitted_n = 0
        self.unit = np.zeros((0, encoder.dimensions))
        self.numbers: dict[int, None] = {}
        self.features: list[Array] = []
        self._rows: list[tuple[float, ...]] = []

    def read(self, study: Study, asking: int) -> list[FrozenTrial]:
        """Take in what has finished; returns the other trials that run."""
        pending, new = [], []
        for trial in study.get_trials(deepcopy=False):
            if trial.number in self.numbers or trial.number == asking:
                continue
            if trial.state is TrialState.RUNNING:
                if self.encoder.space.keys() <= trial.params.keys():
                    pending.append(trial)
            elif trial.state.is_finished() and (row := _outcome(trial)) is not None:
                new.append((trial, row))
        if new:
            frame = pd.DataFrame([trial.params for trial, _ in new])
            self.features.extend(self.encoder.features(frame))
            self._rows.extend(row for _, row in new)
            self.numbers |= dict.fromkeys(trial.number for trial, _ in new)
        return pending

    def outcomes(self, rows: slice) -> Outcomes:
        train, val, diverged, *optional = np.array(self._rows[rows], dtype=float).T
        return Outcomes(train, val, diverged.astype(bool), *optional)


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


def _point(encoder: Encoder, unit: Array) -> dict[str, Any]:
    return {str(name): value for name, value in encoder.from_unit(unit).iloc[0].items()}
