"""Designs are pure functions of an index and stay inside the space."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape import search_spaces
from fitscape.study.search.designs import DESIGNS, from_unit, levels
from fitscape.study.search.space import distribution, hyperparameters


@st.composite
def distributions(draw: st.DrawFn) -> FloatDistribution | IntDistribution | CategoricalDistribution:
    kind = draw(st.sampled_from(["float", "int", "choice"]))
    if kind == "choice":
        return CategoricalDistribution(draw(st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True)))
    log = draw(st.booleans())
    low = draw(st.integers(1, 50))
    high = low + draw(st.integers(0, 500))
    step = None if log else draw(st.sampled_from([None, 1, 3]))
    if kind == "int":
        high = low + (high - low) // (step or 1) * (step or 1)
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low / 10, high / 10, log=log)


@given(distributions(), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_every_point_of_the_unit_cube_lies_in_the_space(d, u: float) -> None:
    value = from_unit([u], {"x": d})["x"]
    assert d._contains(d.to_internal_repr(value))


def test_whole_numbers_on_a_log_scale_get_what_lies_between_their_halves() -> None:
    space: dict[str, Any] = {"x": IntDistribution(1, 4, log=True)}
    found = Counter(from_unit(np.array([(i + 0.5) / 9000]), space)["x"] for i in range(9000))
    for value in range(1, 5):
        share = math.log((value + 0.5) / (value - 0.5)) / math.log(4.5 / 0.5)
        assert found[value] == pytest.approx(9000 * share, abs=2)


@pytest.mark.parametrize(
    ("distribution", "middle"),
    [
        (FloatDistribution(1.0, 4.0), 2.5),
        (FloatDistribution(1e-4, 1e-2, log=True), 1e-3),
        (FloatDistribution(0.0, 1.0, step=0.25), 0.5),
        (IntDistribution(3, 9), 6),
    ],
)
def test_the_middle_of_the_cube_is_the_middle_of_the_space(distribution: Any, middle: float) -> None:
    assert from_unit(np.array([0.5]), {"x": distribution})["x"] == pytest.approx(middle)


@given(distributions())
@settings(max_examples=100, deadline=None)
def test_grid_levels_lie_in_the_space_and_differ(d) -> None:
    values = levels(d)
    assert len(set(values)) == len(values) >= 1
    assert all(d._contains(d.to_internal_repr(v)) for v in values)


@pytest.mark.parametrize("name", sorted(DESIGNS))
def test_point_depends_on_the_index_alone(name: str) -> None:
    space = search_spaces.get("quick")
    forward = [DESIGNS[name](space, 3).point(i) for i in range(8)]
    backward = [DESIGNS[name](space, 3).point(i) for i in reversed(range(8))][::-1]
    assert forward == backward
    assert forward != [DESIGNS[name](space, 4).point(i) for i in range(8)]


def test_sobol_balances_categories_and_halves_of_a_log_range() -> None:
    space: dict[str, Any] = search_spaces.get("capacity")
    points = [DESIGNS["sobol"](space, 0).point(i) for i in range(64)]
    counts = {a: sum(p["architecture"] == a for p in points) for a in {p["architecture"] for p in points}}
    assert set(counts) == set(space["architecture"].choices)
    assert max(counts.values()) - min(counts.values()) <= 2
    assert sum(p["width"] < 0.5 for p in points) == 32  # 0.5 halves 0.125 to 2 on the log scale


def test_a_space_survives_the_way_through_a_frozen_config() -> None:
    for name in search_spaces.names():
        space = search_spaces.get(name)
        assert {k: distribution(k, d) for k, d in hyperparameters(space).items()} == space
