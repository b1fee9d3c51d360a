"""Overfitting in time."""

import numpy as np
import pytest

from fitscape.study.records import LatePair
from fitscape.study.regimes import error_rises, loss_rises
from fitscape.study.regimes.late import beyond_fluctuation


def make_pair(best: np.ndarray, last: np.ndarray) -> LatePair:
    return LatePair(
        best_epoch=3,
        last_epoch=9,
        best_losses=tuple(best),
        last_losses=tuple(last),
        best_errors=tuple(bool(x > 1) for x in best),
        last_errors=tuple(bool(x > 1) for x in last),
    )


def drawn(rise: float, n: int = 500, seed: int = 0) -> LatePair:
    rng = np.random.default_rng(seed)
    best = rng.exponential(0.3, n)
    return make_pair(best, best + rise + 0.05 * rng.standard_normal(n))


def test_a_clear_rise_of_the_loss_is_overfitting() -> None:
    (rise,) = loss_rises([drawn(0.1)])
    assert rise.overfits
    assert rise.low < 0.1 < rise.high


def test_a_sure_rise_below_a_tenth_is_not() -> None:
    (rise,) = loss_rises([drawn(0.01)])
    assert rise.low > 0
    assert not rise.overfits


def test_a_large_rise_that_one_image_makes_is_not() -> None:
    best = np.full(200, 0.3)
    last = best.copy()
    last[0] += 50
    assert not loss_rises([make_pair(best, last)])[0].overfits


def test_a_second_descent_leaves_nothing_to_flag() -> None:
    assert not loss_rises([drawn(-0.1)])[0].overfits


def test_losses_and_errors_are_judged_apart() -> None:
    best = np.full(400, 0.5)
    last = np.where(np.arange(400) < 80, 0.9, 0.5)  # less sure, never wrong
    assert loss_rises([make_pair(best, last)])[0].overfits
    assert not error_rises([make_pair(best, last)])[0].overfits


def test_an_infinite_last_loss_is_an_infinite_rise() -> None:
    best = np.full(100, 0.5)
    last = np.full(100, np.inf)
    assert loss_rises([make_pair(best, last)])[0].overfits
    assert not loss_rises([make_pair(last, best)])[0].overfits


def test_false_alarms_of_the_interval_are_nominal() -> None:
    rng = np.random.default_rng(0)
    pairs = [make_pair(rng.exponential(1, 300), rng.exponential(1, 300)) for _ in range(400)]
    assert np.mean([r.low > 0 for r in loss_rises(pairs)]) == pytest.approx(0.025, abs=0.02)


def test_pairs_of_other_sizes_keep_their_order() -> None:
    rises = loss_rises([drawn(0.1, 300), drawn(-0.1, 400), drawn(0.2, 300)])
    assert [round(r.difference, 1) for r in rises] == [0.1, -0.1, 0.2]


@pytest.mark.parametrize("epochs", [8, 20, 60])
def test_the_lowest_point_of_a_fluctuating_curve_is_no_overfitting(epochs: int) -> None:
    rng = np.random.default_rng(0)
    curves = 0.5 * np.exp(0.2 * rng.standard_normal((400, epochs)))
    assert np.mean([beyond_fluctuation(curve) for curve in curves]) <= 0.05


def test_a_steady_rise_is_beyond_what_epochs_differ_by() -> None:
    rng = np.random.default_rng(0)
    course = np.concatenate([np.geomspace(2, 0.5, 6), np.linspace(0.5, 0.8, 14)])
    assert np.mean([beyond_fluctuation(course * np.exp(0.03 * rng.standard_normal(20))) for _ in range(100)]) >= 0.9


def test_a_curve_that_ends_where_it_is_lowest_does_not_rise() -> None:
    falling = [2.0, 1.8, 1.5, 1.2, 0.9, 0.7, 0.55, 0.52, 0.5, 0.51, 0.505, 0.5]
    assert not beyond_fluctuation(falling)
    assert beyond_fluctuation([*falling, *np.arange(0.52, 0.7, 0.02)])


def test_too_few_epochs_show_no_fluctuation() -> None:
    assert not beyond_fluctuation([0.5, 0.5, 5.0])
