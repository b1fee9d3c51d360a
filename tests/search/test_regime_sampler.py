"""The boundary-seeking sampler, as any user of Optuna meets it."""

import pickle
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.trial import FrozenTrial, TrialState
from scipy.special import expit

from fitscape.study.errors import UserError
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder, row_of
from fitscape.study.search import RegimeSampler, regime_sampler, report_errors
from fitscape.study.search.regime_sampler import CANDIDATES

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-3, 1, log=True),
    "width": FloatDistribution(0, 1),
    "depth": IntDistribution(1, 32, log=True),
    "norm": CategoricalDistribution(["batch", "none"]),
}
CUTS = Cuts(0.9, 0.05, 0.1)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Optuna's own contract suite; a study with one direction tells this sampler nothing, and still works."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: RegimeSampler(None, chance_error=0.9)


def make(seed: int | None = 0, space: dict[str, BaseDistribution] = SPACE, **given: Any) -> RegimeSampler:
    given = {"chance_error": 0.9, "reference_error": 0.05, "tau": 0.1, **given}
    return RegimeSampler(space, seed=seed, **given)


def outcome(params: dict[str, Any]) -> tuple[list[float], bool]:
    x = Encoder(SPACE).features(pd.DataFrame([params]))[0]
    train = expit(1.5 - 5 * x[0] - 2 * x[1])
    return [train, max(0.05, min(train + expit(4 * x[1] - 3), 0.97))], bool(x[0] > 0.85)


def finish(study: optuna.Study, trial: optuna.Trial) -> None:
    values, diverged = outcome(trial.params)
    trial.set_user_attr("diverged", diverged)
    study.tell(trial, None if diverged else values, state=TrialState.FAIL if diverged else None)


def search(n: int, sampler: RegimeSampler, pending: int = 1) -> optuna.Study:
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    flying: list[optuna.Trial] = []
    for _ in range(n):
        while len(flying) < pending:
            flying.append(study.ask(SPACE))
        finish(study, flying.pop(0))
    return study


def points(study: optuna.Study) -> np.ndarray:
    return Encoder(SPACE).features(pd.DataFrame([t.params for t in study.trials]))


def test_it_goes_to_the_boundaries() -> None:
    """After the start, trials lie nearer to a change of regime than Sobol points do."""
    encoder = Encoder(SPACE)
    dense = encoder.from_unit(encoder.sobol(4096, seed=1))
    told = [outcome(p) for p in dense.to_dict("records")]
    train, val = np.array([t[0] for t in told]).T
    labels = CUTS.labels(train, val, np.array([t[1] for t in told]))
    features = encoder.features(dense)

    def distance(found: np.ndarray) -> float:
        squares = ((found[:, None] - features[None]) ** 2).sum(2)
        own = labels[squares.argmin(1)]
        return float(np.mean([np.sqrt(row[labels != label].min()) for row, label in zip(squares, own, strict=True)]))

    found = points(search(60, make()))[12:]
    assert distance(found) < 0.75 * distance(encoder.features(dense.iloc[:60]))


def test_the_start_is_a_sobol_design_over_every_hyperparameter() -> None:
    encoder = Encoder(SPACE)
    started = encoder.to_unit(pd.DataFrame([t.params for t in search(12, make()).trials]))
    for column in started.T[:2]:
        assert set((column * 4).astype(int)) == {0, 1, 2, 3}
    assert len(set(started[:, 3])) == 2


def test_equal_seeds_give_equal_searches_and_others_do_not() -> None:
    a, b, c = (points(search(24, make(seed))) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_reseeding_makes_workers_differ() -> None:
    samplers = [make(5), make(5)]
    samplers[1].reseed_rng()
    a, b = (points(search(16, s)) for s in samplers)
    assert not np.array_equal(a, b)


def test_pending_trials_are_avoided() -> None:
    study = search(30, make())
    asked = [study.ask(SPACE).params for _ in range(8)]
    found = Encoder(SPACE).features(pd.DataFrame(asked))
    gaps = np.sqrt(((found[:, None] - found[None]) ** 2).sum(2))[np.triu_indices(8, 1)]
    assert gaps.min() > 0.02


def test_it_stays_out_of_the_diverged_region() -> None:
    study = search(80, make())
    late = [t.user_attrs["diverged"] for t in study.trials[40:]]
    early = [t.user_attrs["diverged"] for t in study.trials[:12]]
    assert np.mean(late) < max(np.mean(early), 0.1) + 0.35
    assert 0 < np.mean(late) < 0.6


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.COMPLETE])
def test_a_diverged_trial_counts_in_any_state_but_a_failed_one_does_not(state: TrialState) -> None:
    def asked(diverged: bool) -> dict[str, Any]:
        study = search(20, make())
        values = [0.1, 0.2] if state is TrialState.COMPLETE else None
        study.add_trial(
            optuna.create_trial(
                state=state,
                values=values,
                params=study.trials[0].params,
                distributions=SPACE,
                user_attrs={"diverged": diverged},
            )
        )
        return study.ask(SPACE).params

    assert asked(True) != asked(False)


def test_trials_that_say_nothing_are_no_trouble() -> None:
    study = search(14, make())
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

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make(reference_error=reference))
    study.optimize(objective, n_trials=24, n_jobs=3)
    assert len({tuple(t.params.values()) for t in study.trials}) > 12
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_the_reference_error_is_found() -> None:
    sampler = make(reference_error=None)
    search(60, sampler)
    assert sampler._memory is not None
    assert sampler._memory.belief is not None
    assert sampler._memory.belief.cuts.reference == pytest.approx(0.05, abs=0.04)


def test_an_enqueued_trial_is_left_alone() -> None:
    study = search(14, make())
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
    study = search(14, make())
    trial = study.ask({**SPACE, "momentum": FloatDistribution(0, 0.99)})
    assert 0 <= trial.params["momentum"] <= 0.99


def test_a_space_of_single_values_has_one_point() -> None:
    space: dict[str, BaseDistribution] = {"lr": FloatDistribution(0.1, 0.1), "norm": CategoricalDistribution(["batch"])}
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make(space=space))
    for _ in range(15):
        trial = study.ask(space)
        assert trial.params == {"lr": 0.1, "norm": "batch"}
        study.tell(trial, [0.2, 0.3])


def test_a_small_discrete_space_is_repeated_under_seed_noise() -> None:
    space: dict[str, BaseDistribution] = {"blocks": IntDistribution(1, 4), "norm": SPACE["norm"]}
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make(space=space))
    rng = np.random.default_rng(0)
    for _ in range(30):
        trial = study.ask(space)
        val = 0.15 + 0.01 * trial.params["blocks"] + rng.normal(0, 0.03)
        study.tell(trial, [0.02, val])
    seen = [tuple(t.params.values()) for t in study.trials]
    assert len(set(seen)) < len(seen)


def test_it_pickles_with_what_it_knows() -> None:
    sampler = make()
    study = search(20, sampler)
    again = pickle.loads(pickle.dumps(sampler))
    trial = FrozenTrial(
        number=99, state=TrialState.RUNNING, value=None, datetime_start=None, datetime_complete=None, params={},
        distributions={}, user_attrs={}, system_attrs={}, intermediate_values={}, trial_id=99,
    )  # fmt: skip
    assert again.sample_relative(study, trial, SPACE) == sampler.sample_relative(study, trial, SPACE)


def test_another_study_starts_afresh() -> None:
    sampler = make()
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
        make(**given)  # type: ignore[arg-type]


def test_no_warning_comes_from_a_plain_search() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(20, make(), pending=3)


def scored(monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    """Let one candidate score best, whatever the model says of it."""

    def score(belief: Any, views: Any, beliefs: Any) -> np.ndarray:
        return -np.abs(np.arange(len(beliefs.val_mean) - belief.split) - best).astype(float)

    for name in ("straddle", "targeted"):
        monkeypatch.setattr(f"fitscape.study.search.regime_sampler.{name}", score)


def test_candidates_are_a_sobol_design_and_the_best_of_them_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make()
    study = search(13, sampler)
    scored(monkeypatch, best=7)
    asked = study.ask(SPACE).params
    memory = sampler._memory
    assert memory is not None
    assert asked == row_of(memory.fresh, 7)
    spread = memory.encoder.to_unit(memory.fresh)
    for column in spread.T[:2]:
        counts = np.bincount((column * 64).astype(int), minlength=64)
        assert counts.tolist() == [len(spread) // 64] * 64, "as even as only a design is"


def test_a_configuration_that_scores_best_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make()
    study = search(13, sampler)
    scored(monkeypatch, best=CANDIDATES + 2)
    asked = study.ask(SPACE).params
    memory = sampler._memory
    assert memory is not None
    assert asked == memory.points[memory.tried[2]]
    assert asked in [trial.params for trial in study.trials[:-1]]


def test_what_is_learned_is_weighed_against_what_it_costs() -> None:
    """Of two families that are alike, the one that costs eight times as much is asked for less."""
    space = {"family": CategoricalDistribution(["cheap", "dear"]), "x": FloatDistribution(0, 1)}

    def cost(points: Sequence[dict[str, Any]]) -> np.ndarray:
        return np.array([8.0 if point["family"] == "dear" else 1.0 for point in points])

    def dear(given: Any) -> int:
        study = optuna.create_study(
            directions=["minimize"] * 2,
            sampler=RegimeSampler(space, chance_error=0.9, reference_error=0.02, seed=3, cost=given),
        )
        for _ in range(32):
            trial = study.ask(dict(space))
            val = 0.02 + 0.6 * trial.params["x"] ** 2
            study.tell(trial, [val / 3, val])
        return sum(t.params["family"] == "dear" for t in study.trials[12:])

    assert dear(cost) < dear(None)
    assert dear(lambda points: None) == dear(None), "nothing is known of it"


def test_asks_go_on_while_a_refit_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun = threading.Event(), threading.Event()
    optimize = regime_sampler.Fields.optimize

    def slow(self: Any, **given: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(60)
        optimize(self, **given)

    sampler = make(beside=20)
    study = search(20, sampler)
    monkeypatch.setattr(regime_sampler.Fields, "optimize", slow)
    for _ in range(10):
        finish(study, study.ask(SPACE))
    assert begun.is_set()
    memory = sampler._memory
    assert memory is not None
    assert memory.belief is not None
    assert memory.belief.n >= 29 > memory.fitted_n, "what ended meanwhile counts all the same"
    before = memory.fitted_n
    refit = memory.refit
    assert refit is not None
    assert pickle.loads(pickle.dumps(sampler)) is not None
    go_on.set()
    refit.join(60)
    finish(study, study.ask(SPACE))
    assert memory.fitted_n > before


def test_a_refit_that_fails_fails_the_ask_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = make(beside=20)
    study = search(20, sampler)

    def broken(self: Any, **given: Any) -> None:
        raise ArithmeticError("no such luck")

    monkeypatch.setattr(regime_sampler.Fields, "optimize", broken)

    def go_on() -> None:
        for _ in range(20):
            finish(study, study.ask(SPACE))
            if sampler._memory is not None and sampler._memory.refit is not None:
                sampler._memory.refit.join(10)

    with pytest.raises(ArithmeticError):
        go_on()


def landscape(trial: optuna.Trial) -> tuple[float, float]:
    (train, val), diverged = outcome({name: trial._suggest(name, distribution) for name, distribution in SPACE.items()})
    return (float("nan"), val) if diverged else (train, val)


def test_errors_that_are_reported_count_in_a_study_of_any_direction() -> None:
    def accuracy(trial: optuna.Trial) -> float:
        return 1 - report_errors(trial, *landscape(trial), val_n=500)[1]

    def errors(trial: optuna.Trial) -> tuple[float, float]:
        return report_errors(trial, *landscape(trial), val_n=500)

    def searched(objective: Any, directions: list[str]) -> np.ndarray:
        study = optuna.create_study(directions=directions, sampler=make())
        study.optimize(objective, n_trials=15)
        assert {t.state for t in study.trials if t.user_attrs.get("diverged")} <= {TrialState.FAIL, TrialState.COMPLETE}
        assert any(t.user_attrs.get("diverged") for t in study.trials)
        return points(study)

    found = searched(errors, ["minimize", "minimize"])
    np.testing.assert_array_equal(found, searched(accuracy, ["maximize"]))


def test_values_of_other_directions_are_no_errors_and_a_study_without_any_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=make())
    study.optimize(lambda trial: [1 - x for x in landscape(trial)], n_trials=40)
    assert study.sampler._memory is not None
    assert not study.sampler._memory.points
    assert [record.getMessage() for record in caplog.records if "fitscape.report_errors" in record.getMessage()]
    assert len([r for r in caplog.records if "fitscape.report_errors" in r.getMessage()]) <= 3


@pytest.mark.parametrize(("train", "val", "where"), [(12.5, 20.0, "train_error"), (0.1, -0.2, "val_error")])
def test_what_is_no_rate_is_refused(train: float, val: float, where: str) -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(UserError, match=f"{where}: .* is no error rate"):
        report_errors(trial, train, val)
