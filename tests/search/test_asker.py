"""The asker hands out every trial once, whatever is already in the ledger."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitscape.study.config import SearchConfig, StudyConfig, TrialConfig
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.search import Asker, Suggestion

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
    trials = drain(config, first)
    assert len({t.trial_id for t in trials}) == len(trials) == 24


def test_trial_config_of_a_suggestion_is_the_base_with_its_hyperparameters() -> None:
    suggestion = Asker(study(trials=1), chance_error=0.9).ask()
    assert suggestion is not None
    assert suggestion.config == TrialConfig().with_hyperparameters(suggestion.hyperparameters)


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
