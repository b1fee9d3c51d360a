"""``RegimeSampler`` for Ray Tune: a Searcher that learns which trials diverged.

Tune's own OptunaSearch hands Optuna metrics alone: no number of images, and of a trial with a NaN nothing at all, so
that it stays running for the sampler.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch
from ray.tune.utils.util import flatten_dict, unflatten_dict

from fitscape.study.errors import UserError
from fitscape.study.search.optuna_study import DIRECTIONS, quiet
from fitscape.study.search.regime_sampler import RegimeSampler
from fitscape.study.search.reported_errors import DIVERGED, report_errors

COUNTS = ("train_n", "val_n")
ID = "tune_trial"


class RegimeSearch(Searcher):
    """Chooses Tune's trials where they say most about where regimes end.

    A trial reports its training and validation error after each epoch; its last ones count, with ``train_n`` and
    ``val_n`` (images behind them) where it reports those. A last error that is not finite, or ``diverged=True``, means
    that it diverged, whether or not it then raised. Any other trial that raises says nothing. Schedulers that stop
    trials early (ASHA, the median rule) do not go with it: errors of half a training are not those of a whole one.

    Args:
        space: hyperparameter -> Optuna's distribution; None: that of Tune's ``param_space``.
        chance_error: error of always answering the most frequent class.
        train_error: key of the training error in a trial's report, 0 to 1.
        val_error: key of the validation error.
        points_to_evaluate: configurations to run first, in Tune's form.
        seed: of all draws.
        sampler: further arguments of ``RegimeSampler``: ``reference_error``, ``tau``, ``untrained``, ``classes``.

    Raises:
        UserError: Tune's space has nothing to search, or an error that a trial reports is no rate.
    """

    def __init__(
        self,
        space: Mapping[str, BaseDistribution] | None = None,
        *,
        chance_error: float,
        train_error: str = "train_error",
        val_error: str = "val_error",
        points_to_evaluate: Sequence[Mapping[str, Any]] = (),
        seed: int | None = None,
        **sampler: Any,
    ) -> None:
        super().__init__()
        self._keys = train_error, val_error
        self._first = [dict(point) for point in points_to_evaluate]
        self._given = {"chance_error": chance_error, "seed": seed, **sampler}
        self._study: optuna.Study | None = None
        self._space: dict[str, BaseDistribution] = {}
        self._numbers: dict[str, int] = {}  # Tune's id of a trial -> Optuna's
        if space:
            self._begin(space)

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Take the space of Tune's ``param_space``; ``metric`` and ``mode`` are Tune's own business."""
        if self._study is not None:
            return False
        self._begin(OptunaSearch.convert_search_space(config))
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """A configuration for a new trial, in the form of ``param_space``."""
        if self._study is None:
            raise UserError("has no space", where="RegimeSearch", fix="give space=, or param_space= to the Tuner")
        trial = self._study.ask(dict(self._space))
        trial.set_user_attr(ID, trial_id)
        self._numbers[trial_id] = trial._trial_id
        config: dict[str, Any] = unflatten_dict(trial.params)
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing is learned before the end."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take in the last report of a trial."""
        if self._study is None or trial_id not in self._numbers:
            return
        trial = optuna.Trial(self._study, self._numbers.pop(trial_id))
        errors = _reported(trial, result or {}, self._keys, error)
        self._study.tell(trial, errors, state=TrialState.FAIL if errors is None else TrialState.COMPLETE)

    def save(self, checkpoint_path: str) -> None:
        """All that was learned, as JSON."""
        trials = [] if self._study is None else self._study.get_trials(deepcopy=False)
        held = {
            "space": {name: distribution_to_json(distribution) for name, distribution in self._space.items()},
            "trials": [[t.state.name, t.values, t.params, t.user_attrs, t.system_attrs] for t in trials],
        }
        Path(checkpoint_path).write_text(json.dumps(held))

    def restore(self, checkpoint_path: str) -> None:
        """The opposite of ``save``; the sampler's draws go on with another seed."""
        held = json.loads(Path(checkpoint_path).read_text())
        self._first, self._numbers = [], {}
        if not held["space"]:
            return
        seed = self._given["seed"]
        moved = None if seed is None else int(np.random.SeedSequence([seed, len(held["trials"])]).generate_state(1)[0])
        self._given = {**self._given, "seed": moved}
        study = self._begin({name: json_to_distribution(text) for name, text in held["space"].items()})
        for state, values, params, attributes, system in held["trials"]:
            study.add_trial(
                optuna.trial.create_trial(
                    state=TrialState[state],
                    values=values,
                    params=params,
                    distributions={name: self._space[name] for name in params},
                    user_attrs=attributes,
                    system_attrs=system,
                )
            )
        running = [trial for trial in study.trials if not trial.state.is_finished()]
        self._numbers = {t.user_attrs[ID]: t._trial_id for t in running if ID in t.user_attrs}

    def _begin(self, space: Mapping[str, BaseDistribution]) -> optuna.Study:
        if not space:
            raise UserError("nothing to search in it", where="param_space", fix="use tune.uniform, tune.choice, ...")
        self._space = dict(space)
        sampler = RegimeSampler(self._space, **self._given)
        with quiet():
            study = self._study = optuna.create_study(directions=DIRECTIONS, sampler=sampler)
        for point in self._first:
            study.enqueue_trial(flatten_dict(point))
        return study


def _reported(
    trial: optuna.Trial, result: Mapping[str, Any], keys: tuple[str, str], error: bool
) -> tuple[float, float] | None:
    """Write what a trial reported last into its attributes; the errors of one that came to its end."""
    there = [float(value) for key in keys if (value := result.get(key)) is not None]
    if result.get(DIVERGED) or not np.isfinite(there).all():
        report_errors(trial, np.nan, np.nan)
        return None
    if error or len(there) < len(keys):
        return None
    train, val = there
    return report_errors(trial, train, val, **{name: int(result[name]) for name in COUNTS if result.get(name)})
