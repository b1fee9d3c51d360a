"""A map put to the test on trials that it has not seen."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.foretold import foretold

SPACE = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}


def fit(table: pd.DataFrame, *, reference: float | None = 0.02, val_only: bool = False) -> RegimeMap:
    thresholds = SimpleNamespace(tau=0.05, untrained=0.9, confidence=0.9)
    law = RegimeMap(SPACE, thresholds, chance_error=0.9, reference_error=reference)
    return law.fit(table, val_only=val_only)


def trials(n: int, seed: int = 0) -> pd.DataFrame:
    """One after the other, a second each; the error follows one hyperparameter, with a little noise of seeds."""
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, n))
    error = 1 / (1 + np.exp(2.5 - 3 * a + rng.normal(0, 0.2, n)))
    counts = {"train_n": 2000.0, "val_n": 2000.0, "diverged": False}
    times = {"started_at": np.arange(n, dtype=float), "ended_at": np.arange(1.0, n + 1)}
    return pd.DataFrame({"a": a, "b": b, "val_error": error, "train_error": error / 2, **counts, **times})


def test_a_map_that_has_learned_foretells_better_than_the_spread_and_covers() -> None:
    found = foretold(fit, trials(60), [True] * 60)
    assert found is not None
    assert found.n == 48, "all but those that began before twelve had ended"
    assert found.inside / found.n == pytest.approx(0.9, abs=0.1)
    assert found.log_score > found.blind + 0.5


def test_only_even_trials_that_came_late_enough_count_and_none_is_seen_before() -> None:
    table = trials(30)
    seen: list[pd.DataFrame] = []
    found = foretold(lambda before: seen.append(before) or fit(before), table, [k % 4 == 0 for k in range(30)])
    assert found is not None
    assert found.n == 5, "rows 12, 16, 20, 24 and 28"
    assert [len(before) for before in seen] == [12, 16, 20, 24, 28]
    assert foretold(fit, table.head(12), [True] * 12) is None
    assert foretold(fit, table.assign(ended_at=float("nan")), [True] * 30) is None


def test_a_map_of_validation_errors_alone_foretells_the_same() -> None:
    table = trials(40)
    table.loc[[3, 21], "diverged"] = True
    whole, part = (
        foretold(lambda before, only=only: fit(before, reference=None, val_only=only), table, [True] * 40)
        for only in (False, True)
    )
    assert whole is not None
    assert part is not None
    assert (part.n, part.inside) == (whole.n, whole.inside)
    assert part.log_score == pytest.approx(whole.log_score, rel=1e-9)
