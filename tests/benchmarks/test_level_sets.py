"""From searches to the figures of the level-set acquisitions of other packages, and what is said without them."""

import sys
from pathlib import Path

import pytest

from benchmarks.regime_search import level_sets
from benchmarks.regime_search.jobs import Finished, Job
from benchmarks.regime_search.level_sets import INFORMATION, MARKS, REGIME, SOBOL, STRADDLE, summarize
from benchmarks.regime_search.simulate import Curve


def ended(terrain: str, sampler: str, seed: int, brier: float) -> Finished:
    scores = [{"brier": brier} for _ in MARKS]
    return Finished(Job(terrain, sampler, 1, seed), Curve(terrain, sampler, 1, seed, list(MARKS), list(MARKS), scores))


def test_each_pair_of_samplers_is_compared_over_the_seeds_and_landscapes_that_both_have() -> None:
    scores = {"A": {SOBOL: 0.2, REGIME: 0.1, STRADDLE: 0.4}, "B": {SOBOL: 0.1, REGIME: 0.1, STRADDLE: 0.05}}
    done = [ended(t, s, seed, brier) for t, by in scores.items() for s, brier in by.items() for seed in (100, 101)]
    done += [ended("A", INFORMATION, 100, 0.1), ended("A", SOBOL, 102, 9.0)]
    rows = {(row["landscape"], row["trials"], row["sampler"], row["over"]): row for row in summarize(done)}
    of = {(sampler, over): rows["all", 48, sampler, over] for *_, sampler, over in rows}
    assert of[STRADDLE, SOBOL]["ratio"] == pytest.approx(1.0), "twice in A, half in B: a geometric mean"
    assert of[STRADDLE, REGIME]["ratio"] == pytest.approx(2**0.5), "four times in A, half in B"
    assert (of[REGIME, SOBOL]["seeds"], of[REGIME, SOBOL]["landscapes"]) == (2, 2)
    assert (of[INFORMATION, SOBOL]["seeds"], of[INFORMATION, SOBOL]["landscapes"]) == (1, 1)
    assert of[INFORMATION, REGIME]["ratio"] == pytest.approx(1.0)


def test_without_the_other_packages_a_line_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(level_sets, "find_spec", lambda name: None)
    monkeypatch.setattr(level_sets, "KEPT", tmp_path / "kept.jsonl")
    monkeypatch.setattr(level_sets, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["level_sets", "--minutes", "0"])
    level_sets.main()
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "aepsych and botorch: not installed, so their acquisitions are left out; --help says how to install"
    ]
