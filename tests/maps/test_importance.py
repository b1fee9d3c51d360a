"""First-order importance of hyperparameters on surfaces whose indices are known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.special import expit

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.importance import correlation_ratio, importance


@dataclass(frozen=True)
class Thresholds:
    tau: float = 0.05
    untrained: float = 0.9
    confidence: float = 0.9


def fitted(logit_error) -> RegimeMap:
    """A map over three hyperparameters of 80 trials whose validation logit is a function of them."""
    space = {
        "a": FloatDistribution(0, 1),
        "b": FloatDistribution(0, 1),
        "kind": CategoricalDistribution(["x", "y"]),
    }
    made = RegimeMap(space, Thresholds(), chance_error=0.9, reference_error=0.001)
    points = made.encoder.from_unit(made.encoder.sobol(80, 1))
    errors = expit(logit_error(points))
    return made.fit(points.assign(val_error=errors, train_error=errors, diverged=False))


def test_shares_are_those_of_a_sum_of_known_variances() -> None:
    # Variances of 3a, 1.5b and +-0.5: 9/12, 2.25/12, 1/4.
    found = importance(fitted(lambda p: -2 + 3 * p["a"] + 1.5 * p["b"] + (p["kind"] == "x") * 1.0))
    total = 9 / 12 + 2.25 / 12 + 0.25
    assert list(found.index) == ["a", "kind", "b"]
    assert found["share"].to_dict() == pytest.approx(
        {"a": 0.75 / total, "kind": 0.25 / total, "b": 0.1875 / total}, abs=0.06
    )
    assert (found["low"] <= found["share"]).all()
    assert (found["share"] <= found["high"]).all()


def test_what_hyperparameters_do_only_together_is_in_no_share() -> None:
    found = importance(fitted(lambda p: -1 + 8 * (p["a"] - 0.5) * (p["b"] - 0.5)))
    assert found["share"].sum() < 0.2


def test_a_surface_that_is_flat_has_no_important_hyperparameter() -> None:
    assert (correlation_ratio(np.ones((2, 8)), np.arange(8) % 2) == 0).all()


def test_bins_that_mean_nothing_explain_nothing_on_average() -> None:
    values = np.random.default_rng(1).normal(size=(200, 64))
    assert correlation_ratio(values, np.arange(64) % 8).mean() < 0.06


def test_a_hyperparameter_of_one_value_has_no_row() -> None:
    space = {"a": FloatDistribution(0, 1), "fixed": FloatDistribution(0.5, 0.5)}
    made = RegimeMap(space, Thresholds(), chance_error=0.9, reference_error=0.01)
    table = pd.DataFrame(
        {"a": [0.1, 0.5, 0.9], "fixed": 0.5, "val_error": [0.1, 0.2, 0.3], "train_error": 0.1, "diverged": False}
    )
    assert list(importance(made.fit(table)).index) == ["a"]
