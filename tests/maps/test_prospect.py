"""What more trials are expected to decide, against maps of more trials."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.statistics import maps
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.prospect import expected, limit, shares

NAMES = ("S1", "S2", "D501")
MORE = [0, 16, 48]


@pytest.fixture(scope="module")
def studies() -> list[tuple[RegimeMap, RegimeMap]]:
    """Maps of 32 trials drawn evenly, and of the same with 48 more."""
    found = []
    for name in NAMES:
        table = maps.trials(name, maps.Condition(80), seed=3)
        found.append((maps.fitted(name, table.iloc[:32]), maps.fitted(name, table)))
    return found


def test_what_is_expected_begins_with_what_is_and_comes_near_what_will_be(
    studies: list[tuple[RegimeMap, RegimeMap]],
) -> None:
    misses = []
    for now, later in studies:
        curve = [one.one for one in expected(now, MORE)]
        assert curve[0] == pytest.approx(shares(now).one, abs=0.06)
        assert curve == sorted(curve)
        misses.append(curve[-1] - shares(later).one)
    assert abs(np.mean(misses)) < 0.15, "three studies; docs/LOG.md has the calibration over many"


def test_no_share_is_named_by_one_regime_and_by_two(studies: list[tuple[RegimeMap, RegimeMap]]) -> None:
    for now, _ in studies:
        told = shares(now, points=1024)
        assert told.one == pytest.approx(1 - now.undecided_area(points=1024))
        assert 0 < told.two <= told.undecided


def test_seeds_of_one_configuration_decide_less_than_as_many_configurations(
    studies: list[tuple[RegimeMap, RegimeMap]],
) -> None:
    apart, together = (np.mean([expected(now, [30], seeds=seeds)[0].one for now, _ in studies]) for seeds in (1, 6))
    assert apart > together


@pytest.mark.parametrize("given", [False, True])
def test_fewer_images_allow_less_and_a_given_reference_less_still(given: bool) -> None:
    def reach(images: int, reference: float | None) -> float:
        table = maps.trials("S1", maps.Condition(32, images=images), seed=1)
        one = maps.ground("S1").landscape
        thresholds = maps.RegimeThresholds(tau=maps.TAU)
        fitted = RegimeMap(one.space, thresholds, chance_error=one.cuts.chance, reference_error=reference)
        return limit(fitted.fit(table)).one

    reference = 0.05 if given else None
    assert reach(60, reference) < reach(4000, reference)
    assert reach(60, 0.05) < reach(60, None)


def test_a_space_in_which_trials_diverge_is_foreseen_too() -> None:
    rng = np.random.default_rng(0)
    table = maps.trials("S2", maps.Condition(32), seed=2)
    assert table["diverged"].any()
    table = pd.concat([table, table.sample(4, random_state=int(rng.integers(9)))])
    now, more = expected(maps.fitted("S2", table), [0, 40])
    assert more.one > now.one
