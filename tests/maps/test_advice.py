"""Advice from maps whose best point and useful moves are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import best_point, conditions, forecast, steps

THRESHOLDS = SimpleNamespace(tau=0.05, untrained=0.9, confidence=0.9)
SPACE = {
    "architecture": CategoricalDistribution(["resnet18", "plain18"]),
    "width": FloatDistribution(0.125, 1, log=True),
    "train_fraction": FloatDistribution(0.1, 1, log=True),
    "epochs": IntDistribution(4, 12),
}


@pytest.fixture(scope="module")
def fitted() -> RegimeMap:
    """More data always lowers the error, width and epochs never do; plain18 is never good."""
    made = RegimeMap(SPACE, THRESHOLDS, chance_error=0.9, reference_error=0.02)
    points = made.encoder.from_unit(made.encoder.sobol(64, 1))
    fraction = points["train_fraction"].astype(float)
    plain = points["architecture"] == "plain18"
    noise = np.exp(np.random.default_rng(0).normal(0, 0.1, len(points)))
    errors = np.minimum(np.where(plain, 0.2, 0.025) * fraction**-0.6 * noise, 0.9)
    return made.fit(points.assign(val_error=errors, train_error=errors / 2, diverged=False, train_n=2000, val_n=2000))


def test_the_best_point_is_the_good_architecture_with_all_data(fitted: RegimeMap) -> None:
    point = best_point(fitted, conditions(fitted))
    assert point["architecture"] == "resnet18"
    assert point["train_fraction"] == 1
    assert forecast(fitted, pd.DataFrame([point]))["good"][0] > 0.9


def test_held_hyperparameters_keep_their_value(fitted: RegimeMap) -> None:
    assert best_point(fitted, {"architecture": "plain18"})["architecture"] == "plain18"


def test_the_interval_holds_the_expected_error(fitted: RegimeMap) -> None:
    told = forecast(fitted, fitted.encoder.from_unit(fitted.encoder.sobol(16, 3)))
    assert (told["low"] <= told["val_error"]).all()
    assert (told["val_error"] <= told["high"]).all()


def test_more_data_surely_lowers_the_error_and_less_raises_it(fitted: RegimeMap) -> None:
    middle = {"architecture": "resnet18", "width": 0.35, "train_fraction": 0.3, "epochs": 8}
    found = {(s.hyperparameter, s.after > s.before): s for s in steps(fitted, middle)}
    more, less = found["train_fraction", True], found["train_fraction", False]
    assert (more.after, less.after) == pytest.approx((0.6, 0.15))
    assert more.lowers > 0.99
    assert less.lowers < 0.01
    assert more.error_after < more.error_before < less.error_after
    assert more.good_after >= more.good_before


def test_a_hyperparameter_that_does_nothing_is_not_said_to_help(fitted: RegimeMap) -> None:
    middle = {"architecture": "resnet18", "width": 0.35, "train_fraction": 0.3, "epochs": 8}
    assert all(s.lowers < 0.8 for s in steps(fitted, middle) if s.hyperparameter in ("width", "epochs"))


def test_moves_end_where_the_space_ends(fitted: RegimeMap) -> None:
    corner = {"architecture": "resnet18", "width": 0.6, "train_fraction": 1.0, "epochs": 12}
    moved = {(s.hyperparameter, s.after) for s in steps(fitted, corner)}
    assert ("width", 1.0) in moved
    nearly = {(s.hyperparameter, s.after) for s in steps(fitted, {**corner, "width": 0.95})}
    assert {after for hyperparameter, after in nearly if hyperparameter == "width"} == {
        0.475
    }  # up to 1 would hardly be a move
    assert {after for hyperparameter, after in moved if hyperparameter == "train_fraction"} == {0.5}
    assert {after for hyperparameter, after in moved if hyperparameter == "epochs"} == {10.0}


def test_least_label_noise_and_all_images_are_the_conditions() -> None:
    space = {"label_noise": FloatDistribution(0, 0.6), "train_fraction": CategoricalDistribution([0.1, 0.5, 1.0])}
    made = RegimeMap(space, THRESHOLDS, chance_error=0.9, reference_error=0.02)
    assert conditions(made) == {"label_noise": 0, "train_fraction": 1.0}


def test_the_best_point_is_the_likeliest_good_one_not_the_one_of_lowest_error(fitted: RegimeMap, monkeypatch) -> None:
    """Low error with P(good) .3 against a slightly higher one with .9; among equals the lower error decides."""
    good = np.array([0.3, 0.895, 0.9, 0.5])
    table = pd.DataFrame({"good": good, "val_error": [0.01, 0.03, 0.04, 0.02]})
    frames: list[pd.DataFrame] = []

    def predict(frame: pd.DataFrame) -> pd.DataFrame:
        frames.append(frame)
        return table.set_index(frame.index)

    monkeypatch.setattr(fitted, "predict", predict)
    point = best_point(fitted, {}, points=4)
    (frame,) = frames
    assert point["width"] == frame["width"].iloc[1], "0.895 and 0.9 are equal, and the lower error is there"


def test_points_that_cannot_be_trained_are_not_advised(fitted: RegimeMap) -> None:
    free = best_point(fitted, {})
    held = best_point(fitted, {}, possible=lambda point: point["architecture"] == "plain18")
    assert free["architecture"] == "resnet18"
    assert held["architecture"] == "plain18"
    assert best_point(fitted, {}, possible=lambda point: False) == free


def test_a_point_keeps_whole_numbers_whole(fitted: RegimeMap) -> None:
    assert type(best_point(fitted, {})["epochs"]) is int


def test_the_interval_of_an_error_is_of_90_per_cent(fitted: RegimeMap) -> None:
    points = fitted.encoder.from_unit(fitted.encoder.sobol(16, 3))
    told, (mean, sd) = forecast(fitted, points), fitted.posterior.error(fitted.encoder.features(points))
    for end, sign in (("low", -1), ("high", 1)):
        z = fitted.cuts.z(told[end].to_numpy())
        np.testing.assert_allclose((z - mean) / sd, sign * 1.645, atol=1e-2)


def test_the_error_of_a_point_that_was_chosen_for_it_is_not_flattered() -> None:
    """Nothing matters: every configuration has the error .1, and the lowest of a map is lowest by luck."""
    space = {name: FloatDistribution(0, 1) for name in ("a", "b", "c")}
    plain, chosen = [], []
    for seed in range(6):
        made = RegimeMap(space, THRESHOLDS, chance_error=0.9, reference_error=0.05)
        points = made.encoder.from_unit(made.encoder.sobol(32, seed))
        rng = np.random.default_rng(seed)
        # Structure that no map can know: what a trial measured says nothing of its neighbours.
        errors = 1 / (1 + np.exp(2.2 + rng.normal(0, 0.7, len(points))))
        counts = {"train_n": 2000, "val_n": 2000, "diverged": False}
        made.fit(points.assign(val_error=errors, train_error=errors / 2, **counts))
        point = pd.DataFrame([best_point(made, {}, points=256)])
        plain.append(forecast(made, point)["val_error"][0])
        chosen.append(forecast(made, point, chosen=True)["val_error"][0])
    assert np.mean(plain) < np.mean(chosen)
    assert np.median(chosen) > 0.08


@pytest.fixture(scope="module")
def replicated() -> list[tuple[RegimeMap, pd.DataFrame, float]]:
    """Maps of 20 configurations with five seeds each, the one of lowest measured error, and the true error of all."""
    space = {name: FloatDistribution(0, 1) for name in ("a", "b", "c")}
    found = []
    for seed in range(5):
        made = RegimeMap(space, THRESHOLDS, chance_error=0.9, reference_error=0.02)
        points = made.encoder.from_unit(made.encoder.sobol(20, seed))
        rng = np.random.default_rng(seed)
        true = -2.2 + rng.normal(0, 0.5, len(points))  # no neighbour tells
        runs = points.loc[points.index.repeat(5)].reset_index(drop=True)
        errors = 1 / (1 + np.exp(-np.repeat(true, 5) + rng.normal(0, 0.2, len(runs))))
        made.fit(runs.assign(val_error=errors, train_error=errors / 2, train_n=5000, val_n=5000, diverged=False))
        best = int(errors.reshape(-1, 5).mean(axis=1).argmin())
        found.append((made, points.iloc[[best]], 1 / (1 + np.exp(-true[best]))))
    return found


def test_seeds_of_the_chosen_configuration_leave_little_of_its_luck(
    replicated: list[tuple[RegimeMap, pd.DataFrame, float]],
) -> None:
    for made, point, _ in replicated[:2]:
        features = made.encoder.features(point)
        at_it, far_off = made.posterior.flattery(np.vstack([features, np.full_like(features, 5.0)]))
        assert far_off > 0.1
        assert 0 <= at_it <= 0.2 * far_off


def test_the_interval_of_a_chosen_configuration_with_seeds_holds_its_error(
    replicated: list[tuple[RegimeMap, pd.DataFrame, float]],
) -> None:
    told = [forecast(made, point, chosen=True).iloc[0] for made, point, _ in replicated]
    inside = [one["low"] <= error <= one["high"] for one, (_, _, error) in zip(told, replicated, strict=True)]
    assert sum(inside) >= 4
