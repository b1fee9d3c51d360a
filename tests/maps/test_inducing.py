"""Many observations at a few inducing points say what the exact process says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap, inducing
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.inducing import InducingProcess, process, restored
from fitscape.study.maps.saved import arrays, restore

SPACE = {
    "lr": FloatDistribution(1e-3, 1.0, log=True),
    "width": FloatDistribution(0.125, 2.0, log=True),
    "family": CategoricalDistribution(["plain", "resnet"]),
}


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    return x, np.sin(5 * x[:, 0]) + 2 * x[:, 1] + rng.normal(0, 0.2, n), np.full(n, 0.01)


@pytest.fixture(scope="module")
def both() -> tuple[GaussianProcess, InducingProcess]:
    """The exact process of 300 observations, and the approximation by half as many points."""
    exact = GaussianProcess(*data(300))
    exact.optimize()
    exact.condition(exact.x, exact.y, exact.known)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inducing, "POINTS", 150)
        few = InducingProcess(*data(300), hyper=exact.hyper)
        assert few.rank == 150
    return exact, few


def test_with_a_point_for_each_observation_it_is_exact() -> None:
    x, y, known = data(90)
    y[::3], x[::3] = y[1::3], x[1::3]  # some configurations have two runs
    configurations = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    exact, all_of_them = GaussianProcess(x, y, known), InducingProcess(x, y, known)
    new = data(50, seed=1)[0]
    np.testing.assert_allclose(all_of_them.predict(new), exact.predict(new), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        all_of_them.leave_one_out(configurations), exact.leave_one_out(configurations), rtol=1e-2, atol=1e-3
    )


def test_half_as_many_points_foretell_as_well(both: tuple[GaussianProcess, InducingProcess]) -> None:
    exact, few = both
    new = data(400, seed=1)[0]
    (mean, sd), (near, near_sd) = exact.predict(new), few.predict(new)
    assert np.abs(near - mean).max() < 0.5 * sd.min()
    np.testing.assert_allclose(near_sd, sd, rtol=0.15)
    left, near_left = exact.leave_one_out(np.arange(300)), few.leave_one_out(np.arange(300))
    assert np.abs(near_left[0] - left[0]).max() < 0.05
    assert exact.misfit(*left) == pytest.approx(few.misfit(*near_left), rel=0.1)


def test_later_observations_are_appended_as_to_any_process(both: tuple[GaussianProcess, InducingProcess]) -> None:
    exact, few = (gp.under(gp.hyper) for gp in both)
    later, y, _ = data(70, seed=2)
    for point, value in zip(later, y, strict=True):
        row, near = (gp.append(point, value, 0.01) for gp in (exact, few))
        assert near[-1] == pytest.approx(row[-1], rel=0.05)
    new = data(50, seed=1)[0]
    (mean, sd), (near_mean, _) = exact.predict(new), few.predict(new)
    assert (exact.n, few.n, few.rank) == (370, 370, 220)
    assert np.abs(near_mean - mean).max() < 0.5 * sd.min()


def test_its_state_is_the_whole_of_it(both: tuple[GaussianProcess, InducingProcess]) -> None:
    few, new = both[1], data(50, seed=1)[0]
    again = restored(few.state)
    np.testing.assert_allclose(again.predict(new), few.predict(new), rtol=1e-12)
    assert again.leave_one_out(np.arange(300))[0] == pytest.approx(few.leave_one_out(np.arange(300))[0])


def test_few_observations_and_those_in_groups_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inducing, "EXACT", 20)
    assert type(process(*data(20))) is GaussianProcess
    assert type(process(*data(21))) is InducingProcess
    assert type(process(*data(21), groups=np.arange(21) // 2)) is GaussianProcess


def outcomes(n: int) -> pd.DataFrame:
    """Of trials that diverge at high rates, and overfit where nets are wide."""
    rng = np.random.default_rng(0)
    lr, width = 10 ** rng.uniform(-3, 0, n), 2 ** rng.uniform(-3, 1, n)
    train = 1 / (1 + np.exp(1 + np.log2(width) - np.log10(lr) ** 2 / 3 + rng.normal(0, 0.2, n)))
    frame: dict[str, Any] = {
        "lr": lr,
        "width": width,
        "family": rng.choice(["plain", "resnet"], n),
        "train_error": train,
        "val_error": np.minimum(train + 0.05 * width * np.exp(rng.normal(0, 0.2, n)), 0.9),
        "diverged": lr > 0.5,
        "train_n": 2000,
        "val_n": 2000,
        "trial_id": [f"t{i}" for i in range(n)],
    }
    return pd.DataFrame(frame)


def test_a_map_of_many_trials_is_the_exact_map(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty() -> RegimeMap:
        return RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=None, classes=10)

    table = outcomes(400)
    exact = empty().fit(table)
    monkeypatch.setattr(inducing, "EXACT", 200)
    monkeypatch.setattr(inducing, "POINTS", 128)
    monkeypatch.setattr("fitscape.study.maps.posterior.MOST_TRIED", 64)
    few = empty().fit(table)
    points = exact._sobol(256)
    p, near = (one.probabilities(one.encoder.features(points)) for one in (exact, few))
    assert np.abs(near - p).sum(axis=1).mean() / 2 < 0.02
    assert (near.argmax(axis=1) == p.argmax(axis=1)).mean() > 0.97
    assert few.reference_interval() == pytest.approx(exact.reference_interval(), abs=0.01)
    assert len(few.posterior.tried) == 64
    again = restore(empty(), arrays(few))
    pd.testing.assert_frame_equal(again.predict(points), few.predict(points))
    pd.testing.assert_frame_equal(again.share(points=32, draws=12), few.share(points=32, draws=12))
