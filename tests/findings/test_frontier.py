"""The trainability frontier."""

import math

import numpy as np

from fitscape.study.findings import trainability_frontier


def test_a_clean_step_leaves_just_its_gap() -> None:
    found = trainability_frontier({20: [False] * 4, 32: [False] * 4, 44: [True] * 4, 56: [True] * 4})
    assert (found.low, found.high) == (32, 44)
    assert found.estimate == math.sqrt(32 * 44)


def test_nets_that_all_train_have_their_frontier_beyond() -> None:
    found = trainability_frontier({d: [False] * 5 for d in (20, 32, 44)})
    assert (found.low, found.high, found.estimate) == (44, math.inf, math.inf)


def test_nets_that_all_stall_have_it_below() -> None:
    found = trainability_frontier({d: [True] * 5 for d in (20, 32, 44)})
    assert (found.low, found.high, found.estimate) == (0, 20, 0)


def test_one_seed_a_depth_leaves_it_open() -> None:
    found = trainability_frontier({20: [False], 32: [True], 44: [True]})
    assert found.low == 0
    assert found.high == 32 or math.isinf(found.high)


def test_the_interval_covers_the_planted_frontier() -> None:
    rng = np.random.default_rng(0)
    depths, truth = (18, 20, 32, 34, 44, 56, 110), 38.0
    hits = 0
    for _ in range(200):
        chance = {d: 1 / (1 + (truth / d) ** 6) for d in depths}
        found = trainability_frontier({d: list(rng.random(5) < p) for d, p in chance.items()})
        hits += found.low <= truth <= found.high
    assert hits / 200 >= 0.93
