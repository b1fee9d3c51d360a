"""The asker hands out every trial once, whatever is already in the ledger."""

import threading
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.config import RegimeThresholds, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.search import Asker, Suggestion
from fitscape.study.search.samplers import REFIT_BESIDE, make_sampler
from fitscape.study.search.sources import MixedSource

SPACE = {"width": {"low": 0.125, "high": 1.0, "log": True}, "depth": {"choices": [18, 34]}}


def study(**search: object) -> StudyConfig:
    return StudyConfig(name="s", space=SPACE, search=SearchConfig(**search))  # type: ignore[arg-type]


def record(number: int, suggestion: Suggestion, state: TrialState = TrialState.FINISHED) -> TrialRecord:
    epoch = EpochRecord(
        epoch=1, step=1, time=0.0, train_loss=1.0, train_error=0.3, val_loss=1.0, val_error=0.4, train_n=100,
        val_n=100, val_loss_a=1.0, val_loss_b=1.0, val_error_a=0.4, val_error_b=0.4, batch_loss=1.0,
        learning_rate=0.1, train_seconds=1.0, eval_seconds=0.1, images_per_second=1.0, peak_memory_mib=1.0,
    )  # fmt: skip
    return TrialRecord(
        number=number, trial_id=suggestion.config.trial_id, config=suggestion.config,
        hyperparameters=suggestion.hyperparameters,
        origin=suggestion.origin, state=state, epochs=(epoch,),
    )  # fmt: skip


def drain(config: StudyConfig, known: list[TrialRecord], limit: int = 10_000) -> list[TrialRecord]:
    """Run to the end: everything asked is finished at once."""
    asker = Asker(config, known, chance_error=0.9)
    trials = list(known)
    while len(trials) < limit and (suggestion := asker.ask()) is not None:
        trials.append(record(len(trials), suggestion))
        asker.tell(trials[-1])
    return trials


@pytest.mark.parametrize("sampler", ["sobol", "random", "tpe", "regime"])
def test_asks_until_the_target_and_never_twice(sampler: str) -> None:
    trials = drain(study(sampler=sampler, trials=15), [])
    assert len({t.trial_id for t in trials}) == len(trials) == 15


@pytest.mark.parametrize("sampler", ["sobol", "random", "grid"])
@given(cut=st.integers(0, 10))
@settings(max_examples=11, deadline=None)
def test_design_goes_on_after_a_crash_as_if_there_had_been_none(sampler: str, cut: int) -> None:
    config = study(sampler=sampler, trials=10, seeds=2)
    whole = drain(config, [])
    resumed = drain(config, whole[:cut])
    assert [t.trial_id for t in resumed] == [t.trial_id for t in whole]


def test_design_goes_on_after_a_crash_past_repeats_and_contradictions() -> None:
    space = {"family": {"choices": ["resnet", "densenet"]}, "depth": {"choices": [18, 121]}}
    config = StudyConfig(name="s", space=space, search=SearchConfig(trials=12, sampler="random"))
    whole = drain(config, [])
    for cut in range(12):
        assert [t.trial_id for t in drain(config, whole[:cut])] == [t.trial_id for t in whole]


@pytest.mark.parametrize("sampler", ["sobol", "random"])
def test_design_goes_on_after_a_crash_in_the_middle_of_a_repeats_seeds(sampler: str) -> None:
    """Two configurations only: from the third point on, every group of three seeds is a repeat."""
    config = StudyConfig(
        name="s",
        space={"depth": {"choices": [18, 34]}},
        enqueue=({"depth": 18}, {"depth": 34, "seed": 4}),
        search=SearchConfig(trials=22, seeds=3, sampler=sampler),
    )
    whole = drain(config, [])
    for cut in range(22):
        resumed = drain(config, whole[:cut])
        assert [(t.trial_id, t.origin) for t in resumed] == [(t.trial_id, t.origin) for t in whole]


@pytest.mark.parametrize("sampler", ["tpe", "regime"])
@pytest.mark.parametrize("cut", [1, 2, 4, 5, 13, 14])
def test_adaptive_sampler_completes_the_seeds_of_a_repeat_first(sampler: str, cut: int) -> None:
    config = StudyConfig(
        name="s", space={"depth": {"choices": [18, 34]}}, search=SearchConfig(trials=18, seeds=3, sampler=sampler)
    )
    whole = drain(config, [])
    resumed = drain(config, whole[:cut])
    group = cut - cut % 3  # where the group that was cut began
    assert [t.trial_id for t in resumed[cut : group + 3]] == [t.trial_id for t in whole[cut : group + 3]]
    sizes = Counter(t.config.group_id for t in resumed).values()
    assert all(size % 3 == 0 for size in sizes)


@pytest.mark.parametrize("sampler", ["sobol", "tpe", "regime"])
@pytest.mark.parametrize(
    ("space", "off"),
    [
        ({"dropout": {"low": 0, "high": 0.6, "step": 0.2}}, {"dropout": 0.3}),
        ({"batch_size": {"low": 16, "high": 64, "step": 16}}, {"batch_size": 24}),
        ({"width": {"low": 0.25, "high": 1}}, {"width": 2.0}),
        ({"depth": {"choices": [18, 34]}}, {"depth": 56}),
    ],
)
def test_a_study_with_a_point_off_its_space_can_be_gone_on_with(
    sampler: str, space: dict[str, object], off: dict[str, object]
) -> None:
    config = StudyConfig(name="s", space=space, enqueue=(off,), search=SearchConfig(sampler=sampler, trials=6))
    first = drain(config, [], limit=3)
    assert first[0].hyperparameters == off
    assert len(drain(config, first)) == 6


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


@pytest.mark.parametrize("sampler", ["tpe", "regime"])
def test_resumed_sampler_knows_every_result_once_and_goes_on_to_the_target(sampler: str) -> None:
    config = study(sampler=sampler, trials=24)
    first = drain(config, [], limit=14)
    first[3] = replace(first[3], state=TrialState.DIVERGED)
    first[5] = replace(first[5], state=TrialState.FAILED, epochs=())
    first[6] = replace(first[6], state=TrialState.RUNNING, epochs=())
    asker = Asker(config, first, chance_error=0.9)
    known = optuna_trials(asker)
    assert Counter(t.user_attrs["trial_id"] for t in known) == Counter(t.trial_id for t in first)
    told = {t.user_attrs["trial_id"]: t for t in known}
    for i, trial in enumerate(first):
        state = {3: OptunaState.FAIL, 5: OptunaState.FAIL, 6: OptunaState.RUNNING}.get(i, OptunaState.COMPLETE)
        assert told[trial.trial_id].state is state
        assert told[trial.trial_id].params == trial.hyperparameters
        assert told[trial.trial_id].values == ([0.3, 0.4] if state is OptunaState.COMPLETE else None)
    asker.tell(replace(first[6], state=TrialState.FINISHED, epochs=first[0].epochs))
    new = asker.ask()
    assert new is not None
    asker.tell(record(14, new))
    asker.tell(record(14, new))  # a second time, as after a lost answer
    assert asker.ask() is not None
    counted = Counter(t.user_attrs["trial_id"] for t in optuna_trials(asker) if t.state is OptunaState.COMPLETE)
    assert counted[first[6].trial_id] == counted[new.config.trial_id] == 1
    trials = drain(config, first)
    assert len({t.trial_id for t in trials}) == len(trials) == 24


def optuna_trials(asker: Asker) -> list[FrozenTrial]:
    """What the sampler behind an asker sees."""
    source = asker._source
    study = (source._sampler if isinstance(source, MixedSource) else source)._study  # type: ignore[attr-defined]
    return [trial for trial in study.trials if "trial_id" in trial.user_attrs]


def test_trial_config_of_a_suggestion_is_the_base_with_its_hyperparameters() -> None:
    suggestion = Asker(study(trials=1), chance_error=0.9).ask()
    assert suggestion is not None
    assert suggestion.config == TrialConfig().with_hyperparameters(suggestion.hyperparameters)


def even_part(trials: list[TrialRecord]) -> list[dict[str, object]]:
    return [t.hyperparameters for t in trials if t.origin == "sobol"]


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


@pytest.mark.parametrize("cut", [5, 12, 16, 21])
def test_a_resumed_even_part_goes_on_where_it_was(cut: int) -> None:
    config = study(sampler="regime", trials=24)
    whole = drain(config, [])
    assert even_part(drain(config, whole[:cut])) == even_part(whole)


def test_a_replay_hands_out_what_was_drawn_and_then_goes_on() -> None:
    config = study(sampler="regime", trials=20).model_copy(update={"enqueue": ({"width": 0.5, "seed": 9},)})
    whole = drain(config, [])
    drawn = [Suggestion(t.config, t.hyperparameters, t.origin) for t in whole]
    longer = config.model_copy(update={"search": config.search.model_copy(update={"trials": 24})})
    asker = Asker(longer, chance_error=0.9, replay=drawn)
    again = []
    while (suggestion := asker.ask()) is not None:
        again.append(record(len(again), suggestion))
        if len(again) % 3 == 0:  # results come in another order, and late
            for trial in reversed(again[-3:]):
                asker.tell(trial)
    assert [(t.trial_id, t.origin) for t in again[:20]] == [(t.trial_id, t.origin) for t in whole]
    assert len({t.trial_id for t in again}) == 24
    assert even_part(again) == even_part(drain(longer, []))


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
