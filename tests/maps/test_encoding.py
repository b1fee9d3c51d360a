"""A search space as coordinates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from fitscape.study.maps.encoding import ONE_HOT, Encoder

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-4, 1, log=True),
    "dropout": FloatDistribution(0, 0.5, step=0.1),
    "depth": IntDistribution(1, 64, log=True),
    "blocks": IntDistribution(2, 11, step=3),
    "width": CategoricalDistribution([0.5, 0.125, 1.0, 0.25]),
    "norm": CategoricalDistribution(["batch", "group", None]),
    "fixed": CategoricalDistribution(["only"]),
    "constant": IntDistribution(7, 7),
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6), min_size=1, max_size=5))
def test_points_lie_in_the_space_and_come_back_to_themselves(unit: list[list[float]]) -> None:
    encoder = Encoder(SPACE)
    points = encoder.from_unit(np.array(unit))
    for name, distribution in SPACE.items():
        for value in points[name]:
            assert distribution._contains(distribution.to_internal_repr(value))
    again = encoder.from_unit(encoder.to_unit(points))
    pd.testing.assert_frame_equal(points.drop(columns="lr"), again.drop(columns="lr"))
    np.testing.assert_allclose(points["lr"].to_numpy(float), again["lr"].to_numpy(float))


def test_log_hyperparameters_are_spaced_by_their_logarithm() -> None:
    features = Encoder({"lr": SPACE["lr"]}).features(pd.DataFrame({"lr": [1e-4, 1e-2, 1.0]}))
    np.testing.assert_allclose(features[:, 0], [0, 0.5, 1])


def test_unordered_choices_are_one_hot_and_numbers_are_ordered() -> None:
    names = Encoder({"norm": SPACE["norm"]}).features(pd.DataFrame({"norm": ["group", None]}))
    np.testing.assert_allclose(names, [[0, ONE_HOT, 0], [0, 0, ONE_HOT]])
    widths = Encoder({"width": SPACE["width"]}).features(pd.DataFrame({"width": [0.125, 0.25, 1.0]}))
    np.testing.assert_allclose(widths[:, 0], [0, 1 / 3, 1])


def test_two_numbers_or_booleans_stay_categories() -> None:
    for choices in ([1, 2], [True, False]):
        assert Encoder({"a": CategoricalDistribution(choices)}).features(pd.DataFrame({"a": choices})).shape == (2, 2)


def test_an_absent_hyperparameter_sits_in_the_middle() -> None:
    features = Encoder({"lr": SPACE["lr"], "norm": SPACE["norm"]}).features(pd.DataFrame({"other": [1]}))
    np.testing.assert_allclose(features, [[0.5, 0, 0, ONE_HOT]])  # None is one of norm's own choices
    assert Encoder({"lr": SPACE["lr"]}).features(pd.DataFrame([{"lr": None}, {"lr": 1.0}]))[0, 0] == 0.5


def test_hyperparameters_with_a_single_value_have_no_coordinate() -> None:
    encoder = Encoder(SPACE)
    assert encoder.dimensions == 6
    assert encoder.from_unit(np.full((1, 6), 0.5)).loc[0, ["fixed", "constant"]].tolist() == ["only", 7]


def test_sobol_points_are_a_prefix_of_longer_ones() -> None:
    encoder = Encoder(SPACE)
    np.testing.assert_array_equal(encoder.sobol(5, seed=3), encoder.sobol(40, seed=3)[:5])


def test_whole_numbers_get_equal_shares() -> None:
    encoder = Encoder({"blocks": SPACE["blocks"]})
    counts = encoder.from_unit(encoder.sobol(1024, seed=0))["blocks"].value_counts()
    assert counts.to_dict() == pytest.approx({2: 256, 5: 256, 8: 256, 11: 256}, abs=2)


def test_another_distribution_is_refused() -> None:
    class Strange(BaseDistribution):
        def to_external_repr(self, param_value_in_internal_repr: float) -> float:
            return 0.0

        def to_internal_repr(self, param_value_in_external_repr: float) -> float:
            return 0.0

        def single(self) -> bool:
            return False

        def _contains(self, param_value_in_internal_repr: float) -> bool:
            return True

    with pytest.raises(ValueError, match="Strange"):
        Encoder({"x": Strange()})
