"""The cheapest configuration that is as good, on maps where it is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.cheapest import NEAR, SURE, as_good, cheapest

THRESHOLDS = SimpleNamespace(tau=0.05, untrained=0.9, confidence=0.9)
SPACE = {
    "architecture": CategoricalDistribution(["resnet18", "plain18"]),
    "width": FloatDistribution(0.125, 1, log=True),
}


def error(points: pd.DataFrame) -> np.ndarray:
    """From a width of a quarter on a ResNet18 gets no better; plain-18 never gets there."""
    narrow = np.maximum(0, np.log2(0.25 / points["width"].astype(float)))
    return np.asarray(np.where(points["architecture"] == "plain18", 0.3, 0.05) * np.exp(1.2 * narrow))


@pytest.fixture(scope="module")
def fitted() -> RegimeMap:
    made = RegimeMap(SPACE, THRESHOLDS, chance_error=0.9, reference_error=None)
    points = made.encoder.from_unit(made.encoder.sobol(64, 1))
    noise = np.exp(np.random.default_rng(0).normal(0, 0.05, len(points)))
    val = np.minimum(error(points) * noise, 0.9)
    return made.fit(points.assign(val_error=val, train_error=val / 2, diverged=False, train_n=8000, val_n=8000))


def test_it_is_the_narrowest_net_that_is_as_good(fitted: RegimeMap) -> None:
    found = cheapest(as_good(fitted, {})[NEAR], lambda point: point["width"])
    assert found is not None
    point, probability = found
    assert probability >= SURE
    assert point["architecture"] == "resnet18"
    assert 0.15 < point["width"] < 0.4
    excess = error(pd.DataFrame([point]))[0] - 0.05
    assert excess <= NEAR * THRESHOLDS.tau * (0.9 - 0.05)


def test_what_cannot_be_trained_or_is_not_known_to_be_as_good_is_not_named(fitted: RegimeMap) -> None:
    found = cheapest(as_good(fitted, {})[NEAR], lambda point: point["width"] if point["width"] > 0.6 else None)
    assert found is not None
    assert found[0]["width"] > 0.6
    assert cheapest(as_good(fitted, {"architecture": "plain18"})[NEAR], lambda point: point["width"]) is None
    assert cheapest(as_good(fitted, {})[NEAR], lambda point: None) is None
