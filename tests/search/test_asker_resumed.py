"""A study that was ended goes on as if it had not been, whatever is in the ledger."""

from collections import Counter
from dataclasses import replace

import pytest
from asking import drain, even_part, record, study
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from fitscape.study.config import SearchConfig, StudyConfig
from fitscape.study.records import TrialState
from fitscape.study.search import Asker, Suggestion
from fitscape.study.search.sources import MixedSource


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
