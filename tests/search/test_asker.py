"""The asker hands out every trial once, whatever is already in the ledger."""

import threading

import pytest
from asking import drain, even_part, record, study

from fitscape.study.config import RegimeThresholds, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.records import TrialRecord
from fitscape.study.search import Asker
from fitscape.study.search.samplers import REFIT_BESIDE, make_sampler


@pytest.mark.parametrize("sampler", ["sobol", "random", "tpe", "regime"])
def test_asks_until_the_target_and_never_twice(sampler: str) -> None:
    trials = drain(study(sampler=sampler, trials=15), [])
    assert len({t.trial_id for t in trials}) == len(trials) == 15


@pytest.mark.parametrize("sampler", ["sobol", "random", "grid", "tpe", "regime"])
@pytest.mark.parametrize("space", [{}, {"depth": {"choices": [18]}}, {"width": {"low": 0.5, "high": 0.5}}])
def test_a_study_without_a_free_hyperparameter_runs_its_seeds(sampler: str, space: dict[str, object]) -> None:
    config = StudyConfig(name="s", space=space, search=SearchConfig(sampler=sampler, trials=4, seeds=4))
    whole = drain(config, [])
    assert [t.config.seed for t in whole] == [0, 1, 2, 3]
    for cut in range(4):
        assert [t.trial_id for t in drain(config, whole[:cut])] == [t.trial_id for t in whole]


def test_the_sampler_is_given_every_number_of_the_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def cost(points: object) -> None:
        """Not known."""

    monkeypatch.setattr(
        "fitscape.study.search.regime_sampler.RegimeSampler", lambda space, **numbers: given.update(numbers)
    )
    regimes = RegimeThresholds(tau=0.11, untrained=0.77, reference_error=0.03)
    make_sampler(
        study(sampler="regime").model_copy(update={"regimes": regimes}),
        {},
        chance_error=0.8,
        classes=7,
        seed=5,
        cost=cost,
    )
    assert given == {
        "chance_error": 0.8,
        "reference_error": 0.03,
        "tau": 0.11,
        "untrained": 0.77,
        "classes": 7,
        "seed": 5,
        "cost": cost,
        "beside": REFIT_BESIDE,
    }


def test_seeds_are_paired_over_configurations() -> None:
    trials = drain(study(trials=12, seeds=3), [])
    assert [t.config.seed for t in trials] == [0, 1, 2] * 4
    assert len({t.config.group_id for t in trials}) == 4


def test_enqueued_points_run_first_with_every_seed() -> None:
    config = study(trials=5, seeds=2).model_copy(update={"enqueue": ({"lr": 0.5}, {"lr": 0.25, "seed": 7})})
    trials = drain(config, [])
    assert [(t.config.optimization.lr, t.config.seed) for t in trials[:3]] == [(0.5, 0), (0.5, 1), (0.25, 7)]
    assert [t.origin for t in trials] == ["enqueue"] * 3 + ["sobol"] * 2


def test_grid_ends_cleanly_when_exhausted() -> None:
    trials = drain(study(sampler="grid", trials=1000), [])
    assert len(trials) == 10  # five widths, two depths


def test_repeated_points_become_replicates_with_new_seeds() -> None:
    config = StudyConfig(name="s", space={"depth": {"choices": [18, 34]}}, search=SearchConfig(trials=9))
    trials = drain(config, [])
    assert len({t.trial_id for t in trials}) == 9
    assert len({t.config.group_id for t in trials}) == 2
    assert {t.origin for t in trials[2:]} <= {"replicate", "sobol"}


def test_points_whose_hyperparameters_contradict_each_other_are_passed_over() -> None:
    space = {"family": {"choices": ["resnet", "densenet"]}, "depth": {"choices": [18, 121]}}
    config = StudyConfig(name="s", space=space, search=SearchConfig(trials=100, sampler="grid"))
    assert sorted(t.config.model.name for t in drain(config, [])) == ["densenet121", "resnet18"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_space_of_contradictions_alone_ends(sampler: str) -> None:
    space = {"family": {"choices": ["plain", "resnet"]}, "depth": {"choices": [121, 161]}}
    config = StudyConfig(name="s", space=space, search=SearchConfig(trials=3, sampler=sampler))
    assert Asker(config, chance_error=0.9).ask() is None


def test_trial_config_of_a_suggestion_is_the_base_with_its_hyperparameters() -> None:
    suggestion = Asker(study(trials=1), chance_error=0.9).ask()
    assert suggestion is not None
    assert suggestion.config == TrialConfig().with_hyperparameters(suggestion.hyperparameters)


def test_the_even_part_is_the_start_and_every_fourth_configuration_after_it() -> None:
    trials = drain(study(sampler="regime", trials=32), [])
    assert [t.origin for t in trials[:12]] == ["sobol"] * 12
    assert [i for i, t in enumerate(trials) if i >= 12 and t.origin == "sobol"] == [15, 19, 23, 27, 31]
    sobol = drain(study(sampler="sobol", trials=17), [])
    assert even_part(trials) == [t.hyperparameters for t in sobol], "whatever was learned meanwhile"


def test_the_start_counts_configurations_and_not_their_seeds() -> None:
    trials = drain(study(sampler="regime", trials=45, seeds=3), [])
    assert [t.origin for t in trials[:36]] == ["sobol"] * 36
    assert {t.origin for t in trials[36:]} <= {"regime", "replicate"}


def test_nothing_but_the_even_part_is_drawn_before_results() -> None:
    """At 64 slots: 72 trials are drawn before the first result, and none of them by a sampler that knows nothing."""
    asker = Asker(study(sampler="regime", trials=192), chance_error=0.9)
    assert {suggestion.origin for _ in range(72) if (suggestion := asker.ask())} == {"sobol"}


def test_telling_never_waits_for_a_sampler_that_thinks() -> None:
    """The ledger's writer tells. With a refit of a minute it stood still, and lost what it had not written."""
    asker = Asker(study(sampler="random", trials=9), chance_error=0.9)
    first = asker.ask()
    assert first is not None
    thinking, done, told = threading.Event(), threading.Event(), list[TrialRecord]()
    next_point = asker._source.next_point

    def slow() -> object:
        thinking.set()
        assert done.wait(60)
        return next_point()

    asker._source.next_point = slow  # type: ignore[method-assign, assignment]
    asker._source.tell = told.append  # type: ignore[method-assign]
    thread = threading.Thread(target=asker.ask)
    thread.start()
    assert thinking.wait(10)
    trial = record(0, first)
    asker.tell(trial)  # would wait for `done`, which comes after it
    assert told == []
    done.set()
    thread.join(10)
    asker.ask()
    assert told == [trial], "the next point is drawn in its light"
