"""Linear algebra of maps and samplers takes one thread, whatever the machine has."""

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from threadpoolctl import threadpool_info, threadpool_limits

from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap, gp
from fitscape.study.maps.one_thread import one_thread
from fitscape.study.search.regime_sampler import RegimeSampler
from fitscape.study.search.reported_errors import report_errors

SPACE = {"width": FloatDistribution(0.1, 1.0), "lr": FloatDistribution(1e-3, 1.0, log=True)}


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Also on a machine of one core."""
    if not threads():
        pytest.skip("this NumPy's linear algebra cannot be told how many threads to take")
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """How many threads factors were computed with."""
    found, cholesky = set[int](), gp.cholesky

    def watched(*given: Any, **options: Any) -> Any:
        found.update(threads())
        return cholesky(*given, **options)

    monkeypatch.setattr(gp, "cholesky", watched)
    return found


def table(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    width, lr = rng.uniform(0.1, 1, n), 10 ** rng.uniform(-3, 0, n)
    error = np.clip(0.5 - 0.4 * width + rng.normal(0, 0.02, n), 0.01, 0.9)
    return pd.DataFrame({"width": width, "lr": lr, "train_error": error, "val_error": error, "diverged": False})


def test_the_threads_come_back_when_the_last_has_left() -> None:
    inside, leave = Event(), Event()

    @one_thread
    def beside() -> None:
        inside.set()
        leave.wait(10)

    other = Thread(target=beside)
    with one_thread:
        other.start()
        assert inside.wait(10)
    assert threads() == {1}, "somebody is still inside"
    leave.set()
    other.join(10)
    assert threads() == {2}


def test_the_threads_come_back_after_an_error() -> None:
    with pytest.raises(KeyError), one_thread:
        raise KeyError("any")
    assert threads() == {2}


def test_a_map_is_fitted_and_asked_with_one_thread(seen: set[int]) -> None:
    fitted = RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=0.05).fit(table(24))
    fitted.predict(table(3))
    fitted.share(points=16, draws=8)
    assert seen == {1}
    assert threads() == {2}


def test_the_sampler_thinks_with_one_thread(seen: set[int]) -> None:
    sampler = RegimeSampler(SPACE, chance_error=0.9, seed=0)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        width = trial.suggest_float("width", 0.1, 1.0)
        trial.suggest_float("lr", 1e-3, 1.0, log=True)
        return report_errors(trial, 0.9 - 0.8 * width, 0.9 - 0.7 * width)

    study.optimize(objective, n_trials=20)
    assert seen == {1}
    assert threads() == {2}
