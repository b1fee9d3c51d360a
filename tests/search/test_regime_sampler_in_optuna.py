"""The boundary-seeking sampler as any user of Optuna meets it: its contract, threads, and studies of every kind."""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase
from optuna.trial import FrozenTrial, TrialState
from searches import SPACE, finish, make_sampler, outcome, points, search

from fitscape.study.errors import UserError
from fitscape.study.search import RegimeSampler, report_errors


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own contract suite; a study with one direction tells this sampler nothing, and still works."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: RegimeSampler(None, chance_error=0.9)


def test_trials_that_say_nothing_are_no_trouble() -> None:
    study = search(14, make_sampler())
    for values in (None, [float("inf"), 0.5]):
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        study.add_trial(
            optuna.create_trial(state=state, values=values, params=study.trials[0].params, distributions=SPACE)
        )
    study.add_trial(optuna.create_trial(state=TrialState.PRUNED, params={}, distributions={}))
    study.add_trial(optuna.create_trial(state=TrialState.COMPLETE, values=[0.2, 0.3]))  # no hyperparameter at all
    study.add_trial(
        optuna.create_trial(
            state=TrialState.COMPLETE, values=[0.2, 0.3], params={"lr": 0.1}, distributions={"lr": SPACE["lr"]}
        )
    )
    for _ in range(3):
        finish(study, study.ask(SPACE))


@pytest.mark.parametrize("reference", [None, 0.05])
def test_optimize_with_threads(reference: float | None) -> None:
    def objective(trial: optuna.Trial) -> list[float]:
        params = {
            "lr": trial.suggest_float("lr", 1e-3, 1, log=True),
            "width": trial.suggest_float("width", 0, 1),
            "depth": trial.suggest_int("depth", 1, 32, log=True),
            "norm": trial.suggest_categorical("norm", ["batch", "none"]),
        }
        values, diverged = outcome(params)
        trial.set_user_attr("diverged", diverged)
        return values

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make_sampler(reference_error=reference))
    study.optimize(objective, n_trials=24, n_jobs=3)
    assert len({tuple(t.params.values()) for t in study.trials}) > 12
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_an_enqueued_trial_is_left_alone() -> None:
    study = search(14, make_sampler())
    wanted = {"lr": 0.01, "width": 0.5, "depth": 3, "norm": "none"}
    study.enqueue_trial(wanted)
    assert study.ask(SPACE).params == wanted


def test_without_a_space_the_hyperparameters_of_all_trials_are_searched_together() -> None:
    study = optuna.create_study(directions=["minimize"] * 2, sampler=RegimeSampler(None, chance_error=0.9, seed=0))
    for _ in range(30):
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        study.tell(trial, [0.5 * x, 0.5 * x + 0.3 * y])
    assert study.sampler.infer_relative_search_space(study, study.trials[-1]).keys() == {"x", "y"}


def test_hyperparameters_outside_the_space_are_sampled_at_random() -> None:
    study = search(14, make_sampler())
    trial = study.ask({**SPACE, "momentum": FloatDistribution(0, 0.99)})
    assert 0 <= trial.params["momentum"] <= 0.99


def test_a_space_of_single_values_has_one_point() -> None:
    space: dict[str, BaseDistribution] = {"lr": FloatDistribution(0.1, 0.1), "norm": CategoricalDistribution(["batch"])}
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make_sampler(space=space))
    for _ in range(15):
        trial = study.ask(space)
        assert trial.params == {"lr": 0.1, "norm": "batch"}
        study.tell(trial, [0.2, 0.3])


def test_it_pickles_with_what_it_knows() -> None:
    sampler = make_sampler()
    study = search(20, sampler)
    again = pickle.loads(pickle.dumps(sampler))
    trial = FrozenTrial(
        number=99, state=TrialState.RUNNING, value=None, datetime_start=None, datetime_complete=None, params={},
        distributions={}, user_attrs={}, system_attrs={}, intermediate_values={}, trial_id=99,
    )  # fmt: skip
    assert again.sample_relative(study, trial, SPACE) == sampler.sample_relative(study, trial, SPACE)


def test_another_study_starts_afresh() -> None:
    sampler = make_sampler()
    search(20, sampler)
    study = search(3, sampler)
    assert len(study.trials) == 3
    assert sampler._memory is not None
    assert len(sampler._memory.points) <= 3


@pytest.mark.parametrize(
    "given", [{"chance_error": 1.2}, {"chance_error": 0.0}, {"reference_error": 1.2}, {"reference_error": -0.1}]
)
def test_impossible_errors_are_refused_at_once(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="error"):
        make_sampler(**given)  # type: ignore[arg-type]


def test_no_warning_comes_from_a_plain_search() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(20, make_sampler(), pending=3)


def landscape(trial: optuna.Trial) -> tuple[float, float]:
    (train, val), diverged = outcome({name: trial._suggest(name, distribution) for name, distribution in SPACE.items()})
    return (float("nan"), val) if diverged else (train, val)


def test_errors_that_are_reported_count_in_a_study_of_any_direction() -> None:
    def accuracy(trial: optuna.Trial) -> float:
        return 1 - report_errors(trial, *landscape(trial), val_n=500)[1]

    def errors(trial: optuna.Trial) -> tuple[float, float]:
        return report_errors(trial, *landscape(trial), val_n=500)

    def searched(objective: Any, directions: list[str]) -> np.ndarray:
        study = optuna.create_study(directions=directions, sampler=make_sampler())
        study.optimize(objective, n_trials=15)
        assert {t.state for t in study.trials if t.user_attrs.get("diverged")} <= {TrialState.FAIL, TrialState.COMPLETE}
        assert any(t.user_attrs.get("diverged") for t in study.trials)
        return points(study)

    found = searched(errors, ["minimize", "minimize"])
    np.testing.assert_array_equal(found, searched(accuracy, ["maximize"]))


def test_values_of_other_directions_are_no_errors_and_a_study_without_any_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=make_sampler())
    study.optimize(lambda trial: [1 - x for x in landscape(trial)], n_trials=40)
    assert study.sampler._memory is not None
    assert not study.sampler._memory.points
    assert [record.getMessage() for record in caplog.records if "fitscape.report_errors" in record.getMessage()]
    assert len([r for r in caplog.records if "fitscape.report_errors" in r.getMessage()]) <= 3


@pytest.mark.parametrize(("train", "val", "where"), [(12.5, 20.0, "train_error"), (0.1, -0.2, "val_error")])
def test_what_is_no_rate_is_refused(train: float, val: float, where: str) -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(UserError, match=f"{where}: .* is not an error rate"):
        report_errors(trial, train, val)
