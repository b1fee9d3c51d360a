"""From searches to the figures of the even part."""

import numpy as np
import pytest

from benchmarks.regime_search.even_part_figures import ALONE, BLIND, EVEN, MARKS, PRICED, SOBOL, WEIGHS, summarize
from benchmarks.regime_search.jobs import Finished, Job
from benchmarks.regime_search.simulate import Curve


def ended(terrain: str, sampler: str, seed: int, brier: float) -> Finished:
    marks = [48] if terrain == PRICED else list(MARKS)
    scores = [{"brier": brier, "brier plain": brier / 2, "undecided": 0.4} for _ in marks]
    return Finished(Job(terrain, sampler, 1, seed), Curve(terrain, sampler, 1, seed, marks, marks, scores))


def test_samplers_are_compared_over_the_seeds_that_every_search_has() -> None:
    scores = {"A": {SOBOL: 0.2, ALONE: 0.1, EVEN: 0.2}, "B": {SOBOL: 0.1, ALONE: 0.2, EVEN: 0.025}}
    done = [ended(t, s, seed, brier) for t, by in scores.items() for s, brier in by.items() for seed in (100, 101)]
    done.append(ended("A", SOBOL, 102, 9.0))  # cut short: no other search has that seed
    rows = {(row["landscape"], row["trials"], row["sampler"]): row for row in summarize(done)}
    assert rows["all", 48, ALONE]["ratio"] == pytest.approx(1.0), "half in A, twice in B: a geometric mean"
    assert rows["all", 96, EVEN]["ratio"] == pytest.approx(0.5)
    assert rows["A", 24, SOBOL] | {"seeds": 2, "brier": 0.2, "ratio": 1.0} == rows["A", 24, SOBOL]


def test_what_prices_bring_is_told_of_every_family() -> None:
    brier = {SOBOL: 0.3, BLIND: 0.2, WEIGHS: 0.15}
    done = [ended(PRICED, sampler, seed, score) for sampler, score in brier.items() for seed in (100, 101, 102)]
    ratios = {(row["score"], row["sampler"]): row["ratio"] for row in summarize(done)}
    assert {kind for kind, _ in ratios} == {"brier", "brier plain"}
    np.testing.assert_allclose([ratios["brier plain", WEIGHS], ratios["brier", SOBOL]], [0.75, 1.5])
