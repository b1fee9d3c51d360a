"""Learning curves continued beyond the images at hand, on planted power laws."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.more_images import FARTHEST, LearningCurve, learning_curve

WIDTH = {"width": FloatDistribution(0.1, 1, log=True)}
VAL_N = 3000


def law(images: np.ndarray, floor: float, exponent: float) -> np.ndarray:
    return floor + 0.08 * images**-exponent


def fitted(floor: float, exponent: float, seed: int, top: float = 0.25, n: int = 32) -> RegimeMap:
    """Trials with up to ``top`` of the images; wider nets err less."""
    rng = np.random.default_rng(seed)
    images, width = top * 32 ** -rng.random(n), 0.1 * 10 ** rng.random(n)
    true = law(images, floor, exponent) * width**-0.15
    noisy = 1 / (1 + (1 / true - 1) * np.exp(rng.normal(0, 0.08, n)))
    val = rng.binomial(VAL_N, np.clip(noisy, 0, 0.9)) / VAL_N
    table = {"train_fraction": images, "width": width, "train_error": val / 4, "val_error": val}
    space = {"train_fraction": FloatDistribution(top / 32, top, log=True), **WIDTH}
    thresholds = SimpleNamespace(tau=0.05, untrained=0.9, confidence=0.9)
    made = RegimeMap(space, thresholds, chance_error=0.9, reference_error=None)
    return made.fit(pd.DataFrame(table).assign(diverged=False, val_n=VAL_N, train_n=2000))


def curve_of(floor: float, exponent: float, seed: int) -> LearningCurve:
    found = learning_curve(fitted(floor, exponent, seed), {"width": 1.0})
    assert found is not None
    return found


@pytest.mark.parametrize(("floor", "exponent"), [(0.0, 0.3), (0.03, 0.5), (0.1, 0.4)])
def test_bands_from_a_quarter_hold_the_planted_error_with_all_images(floor: float, exponent: float) -> None:
    truths = {images: float(law(np.array(images), floor, exponent)) for images in (0.5, 1.0)}
    bands = [
        (curve.band(images), truth)
        for seed in range(5)
        for curve in (curve_of(floor, exponent, seed),)
        for images, truth in truths.items()
    ]
    assert sum(low <= truth <= high for (low, high), truth in bands) >= 8, bands


def test_the_band_widens_with_the_images_and_one_net_scatters_more() -> None:
    curve = curve_of(0.03, 0.5, 0)

    def width(images: float, nets: bool = False) -> float:
        low, high = curve.band(images, nets=nets)
        return (high - low) / float(np.median(curve.at(images)))

    assert width(1.0) > width(0.25)
    assert width(0.25, nets=True) > width(0.25)


def test_there_is_no_answer_beyond_four_times_the_images() -> None:
    curve = curve_of(0.03, 0.5, 0)
    with pytest.raises(ValueError, match="no answer beyond 4 times"):
        curve.at(1.01 * FARTHEST * curve.top)
    larger = replace(curve, top=3000.0)
    assert larger.at(FARTHEST * 3000) == pytest.approx(curve.at(FARTHEST * curve.top))
    with pytest.raises(ValueError, match="no answer beyond 4 times"):
        larger.at(1.01 * FARTHEST * 3000)
    left = curve.at(FARTHEST * curve.top) / curve.error
    low, high = curve.needed(float(np.median(left)))
    assert curve.top < low < FARTHEST * curve.top
    assert high == np.inf
    assert curve.needed(1e-3) == (np.inf, np.inf)
    assert curve.needed(1.0) == (curve.top, curve.top)


def test_where_images_hardly_vary_there_is_no_curve() -> None:
    made = fitted(0.03, 0.5, 0)
    made.encoder.space["train_fraction"] = CategoricalDistribution((0.5, 1.0))
    assert learning_curve(made, {"width": 1.0}) is None
    del made.encoder.space["train_fraction"]
    assert learning_curve(made, {"width": 1.0}) is None


def test_where_nets_with_half_of_the_images_hardly_learn_nothing_is_said() -> None:
    made = fitted(0.02, 0.9, 1)
    assert float(law(np.array(0.125), 0.02, 0.9)) > 0.5
    assert learning_curve(made, {"width": 1.0}) is None
