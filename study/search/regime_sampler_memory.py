"""What the boundary-seeking sampler keeps of one study: its finished trials, and the belief that they gave."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from fitscape.study.maps.encoding import Encoder
from fitscape.study.maps.error_models import Outcomes
from fitscape.study.maps.regime_map import OPTIONAL
from fitscape.study.search.regime_sampler_belief import Belief

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """What a refit of the hyperparameters gives."""

    belief: Belief
    fresh: pd.DataFrame  # candidates that are new points
    tried: list[int]  # candidates to repeat
    n: int  # trials it rests on


class Refit(threading.Thread):
    """A refit that is under way."""

    def __init__(self, fit: Callable[[], Fitted]) -> None:
        super().__init__(name="regime-sampler-refit", daemon=True)
        self._fit, self._found = fit, list[Fitted]()
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._found.append(self._fit())
        except Exception as error:  # noqa: BLE001  (raised where it is asked for)
            self._error = error

    def result(self) -> Fitted:
        """Once it is over; raises what the refit raised."""
        if self._error is not None:
            raise self._error
        return self._found[0]


class Memory:
    """The finished trials of one study, in the order they were first seen, and the belief built on them."""

    def __init__(self, study: str, encoder: Encoder) -> None:
        self.study, self.encoder = study, encoder
        self.belief: Belief | None = None
        self.fitted_n = 0
        self.refit: Refit | None = None  # under way
        self.fresh, self.tried = pd.DataFrame(), list[int]()  # candidates: new points, and trials to repeat
        self.costs: Array | None = None  # of the candidates
        self.configurations: set[tuple[Any, ...]] = set()  # of the points
        self.suggested: dict[int, dict[str, Any]] = {}  # of trials that have not finished
        self.points: list[dict[str, Any]] = []
        self.features: list[Array] = []
        self._rows: list[tuple[float, ...]] = []
        self._read: set[int] = set()  # numbers of the trials that are over

    def take(self, fitted: "Fitted") -> None:
        """A refit has ended."""
        self.belief, self.fresh, self.tried = fitted.belief, fitted.fresh, fitted.tried
        self.fitted_n, self.costs = fitted.n, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "refit": None}  # a thread cannot be pickled; the next ask begins another

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
