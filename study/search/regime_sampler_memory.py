"""What the boundary-seeking sampler keeps of one study: its finished trials, and the belief that they gave."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import TrialState

from fitscape.study.maps.encoding import Encoder
from fitscape.study.maps.error_models import Outcomes
from fitscape.study.search.designs import START
from fitscape.study.search.regime_sampler_belief import SamplerBelief
from fitscape.study.search.reported_errors import reported

Array = NDArray[np.float64]

WITHOUT_ERRORS = (
    "RegimeSampler: %d trials have completed without their errors, so that it learns nothing. Call "
    "fitscape.report_errors in the objective, or return (train_error, val_error) with two directions 'minimize'."
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """What a refit of the hyperparameters gives."""

    belief: SamplerBelief
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
        self.belief: SamplerBelief | None = None
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
        self._over = 0  # trials, from the first, that are all over: no ask looks at them again
        self._silent = 0  # of these, completed ones without errors

    def take(self, fitted: "Fitted") -> None:
        """A refit has ended."""
        self.belief, self.fresh, self.tried = fitted.belief, fitted.fresh, fitted.tried
        self.fitted_n, self.costs = fitted.n, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "refit": None}  # a thread cannot be pickled; the next ask begins another

    def read(self, study: Study) -> list[dict[str, Any]]:
        """Take in what has finished; returns the points of the trials that run."""
        pending, new = [], []
        minimized = study.directions == [StudyDirection.MINIMIZE] * 2
        trials = study.get_trials(deepcopy=False)
        while self._over < len(trials) and trials[self._over].number in self._read:
            self._over += 1
        for trial in trials[self._over :]:
            if trial.number in self._read:
                continue
            if trial.state.is_finished():
                self._read.add(trial.number)
                self.suggested.pop(trial.number, None)
                if (row := reported(trial, minimized=minimized)) is not None:
                    new.append((trial.params, row))
                else:
                    self._silent += trial.state is TrialState.COMPLETE
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
        if self._silent >= START and not self._rows:
            self._silent = 0
            _log.warning(WITHOUT_ERRORS, START)
        return pending

    def outcomes(self, rows: slice) -> Outcomes:
        train, val, diverged, *optional = np.array(self._rows[rows], dtype=float).T
        return Outcomes(train, val, diverged.astype(bool), *optional)


def key_of(point: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal for trials of one configuration."""
    return tuple(sorted(point.items()))
