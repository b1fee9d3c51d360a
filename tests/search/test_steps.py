"""Stepped ranges keep both their ends, and a value has one spelling; grids of any size are asked by index."""

import tracemalloc
from pathlib import Path

import pytest
import yaml
from hand_made import make_epoch, make_trial
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.config import StudyConfig
from fitscape.study.search.asker import Asker
from fitscape.study.search.designs import Grid, Shuffle, from_unit, levels
from fitscape.study.search.space import point_of, resolve, snapped


def study(sampler: str, **space: object) -> StudyConfig:
    return StudyConfig.model_validate(
        {"name": "s", "space": space, "search": {"sampler": sampler, "trials": 20}, "enqueue": ({"dropout": 0.6},)}
    )


DROPOUT = {"low": 0, "high": 0.6, "step": 0.2}


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0, 0.6, 0.2, [0, 0.2, 0.4, 0.6]),
        (0, 0.7, 0.1, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        (1e-4, 5e-4, 1e-4, [1e-4, 2e-4, 3e-4, 4e-4, 5e-4]),
    ],
)
def test_levels_are_written_as_a_person_writes_them(
    low: float, high: float, step: float, expected: list[float]
) -> None:
    assert levels(FloatDistribution(low, high, step=step)) == expected


@pytest.mark.parametrize(("high", "expected"), [(0.35, [0.1, 0.2, 0.3]), (0.15, [0.1]), (0.3, [0.1, 0.2, 0.3])])
def test_a_range_ends_at_its_last_step_without_a_warning(
    high: float, expected: list[float], recwarn: pytest.WarningsRecorder
) -> None:
    space = resolve(study("grid", dropout={"low": 0.1, "high": high, "step": 0.1}))
    assert levels(space["dropout"]) == expected
    assert not recwarn.list


@given(st.integers(0, 40), st.sampled_from([0.1, 0.2, 0.05, 0.3, 0.07, 1e-3]), st.floats(0, 1))
def test_every_draw_is_a_level_inside_the_range(steps: int, step: float, u: float) -> None:
    high = float(f"{steps * step:.10g}")
    d = FloatDistribution(0.0, high, step=step)
    value = from_unit([u], {"x": d})["x"]  # type: ignore[arg-type]
    assert value in levels(d)
    assert value <= high
    assert snapped(float(value) * (1 + 1e-15), d) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("sampler", ["grid", "sobol", "random", "tpe"])
def test_what_is_enqueued_is_what_is_sampled(sampler: str) -> None:
    config = study(sampler, dropout=DROPOUT)
    space, asker = resolve(config), Asker(config, chance_error=0.9)
    asked = [suggestion.config for _ in range(4) if (suggestion := asker.ask())]
    values = {c.model.dropout for c in asked}
    assert values <= {0, 0.2, 0.4, 0.6}
    assert all(point_of(c, space) is not None for c in asked)
    if sampler == "grid":
        assert len(asked) == 4, "0.6 was enqueued, and is not sampled again"


def test_a_trial_of_an_old_ledger_is_on_the_map_and_not_run_again() -> None:
    config = study("grid", dropout=DROPOUT).model_copy(update={"enqueue": ()})
    old = make_trial({"dropout": 0.2 * 3}, make_epoch(0.1, 0.2))
    assert old.config.model.dropout > 0.6
    assert point_of(old.config, resolve(config)) == {"dropout": 0.6}
    asker = Asker(config, [old], chance_error=0.9)
    asked = [suggestion.config.model.dropout for _ in range(5) if (suggestion := asker.ask())]
    assert sorted(asked) == [0, 0.2, 0.4]


def test_a_value_between_the_steps_is_nothing_for_optuna_and_no_fault() -> None:
    config = study("tpe", dropout=DROPOUT).model_copy(update={"enqueue": ()})
    between = make_trial({"dropout": 0.5}, make_epoch(0.1, 0.2))
    assert Asker(config, [between], chance_error=0.9).ask() is not None


def test_a_grid_of_any_size_is_asked_without_being_listed() -> None:
    config = StudyConfig.model_validate(
        yaml.safe_load((Path(__file__).parent / "grid_of_eleven.yaml").read_text()) | {"name": "grid"}
    )
    tracemalloc.start()
    grid = Grid(resolve(config))
    points = [grid.point(index) for index in range(200)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grid.size > 10**6
    assert len({tuple(point.items()) for point in points if point}) == 200
    assert peak < 20e6
    assert grid.point(grid.size) is None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 100, 1000])
def test_the_shuffle_visits_every_index_once(size: int) -> None:
    assert sorted(map(Shuffle(size, 3), range(size))) == list(range(size))
    assert list(map(Shuffle(1000, 1), range(9))) != list(map(Shuffle(1000, 2), range(9)))


def test_the_order_of_a_small_grid_is_that_of_the_first_release() -> None:
    space = {"a": IntDistribution(0, 2), "b": CategoricalDistribution(["x", "y"])}
    got = [Grid(space, seed=4).point(i) for i in range(6)]
    assert [(p["a"], p["b"]) for p in got if p] == [(0, "y"), (1, "x"), (0, "x"), (2, "y"), (2, "x"), (1, "y")]
