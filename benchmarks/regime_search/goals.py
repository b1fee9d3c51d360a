"""The figures that a goal is about, each with its spread over seeds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.regime_search.jobs import COMPARED_AT, Finished
from benchmarks.regime_search.simulate import Curve

Array = NDArray[np.float64]
Key = tuple[str, int]  # sampler, pending
Table = dict[str, dict[Key, dict[int, Curve]]]  # landscape -> sampler -> seed -> search

BOOTSTRAP = 2000
REGIME, SOBOL, TPE = ("regime", 1), ("sobol", 1), ("tpe", 1)


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    name: str
    goal: str
    got: str
    interval: str  # 90 %, over seeds
    seeds: int

    @property
    def cells(self) -> list[str]:
        return [self.name, self.goal, self.got, self.interval, str(self.seeds)]


def table_of(done: list[Finished]) -> Table:
    """Finished searches by landscape, sampler and seed."""
    table: Table = {}
    for one in done:
        by = table.setdefault(one.job.terrain, {})
        by.setdefault((one.job.sampler, one.job.pending), {})[one.job.seed] = one.curve
    return table


def costs(curves: dict[int, Curve], accuracy: float, *, epochs: bool = False) -> dict[int, float]:
    """Trials (or epochs) to an accuracy, by seed; infinite where it was not reached."""
    return {seed: curve.reached(accuracy, epochs=epochs) for seed, curve in curves.items()}


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians over the seeds that both have. A search that never got there counts as the longest
    one of its sampler; where that is the median itself, the ratio is a bound only.
    """

    values: Array  # [1 + BOOTSTRAP]: the estimate, then resamples of the seeds
    seeds: int
    bound: str  # "", "< " (the other's median was never reached) or "> " (mine was not)

    @classmethod
    def of(cls, mine: dict[int, Curve], other: dict[int, Curve], accuracy: float, *, epochs: bool = False) -> "Ratio":
        seeds = sorted(mine.keys() & other.keys())
        medians = []
        picks = [np.arange(len(seeds)), *np.random.default_rng(0).integers(len(seeds), size=(BOOTSTRAP, len(seeds)))]
        for curves in (mine, other):
            reached = costs(curves, accuracy, epochs=epochs)
            longest = max((curves[s].epochs if epochs else curves[s].n)[-1] for s in seeds)
            medians.append(np.median(np.minimum([reached[s] for s in seeds], longest)[np.array(picks)], axis=1))
        never = [np.isinf(np.median([costs(c, accuracy)[s] for s in seeds])) for c in (mine, other)]
        return cls(medians[0] / medians[1], len(seeds), "> " if never[0] else "< " if never[1] else "")

    @property
    def text(self) -> str:
        return f"{self.bound}{self.values[0]:.2f}"


def _spread(values: Array) -> str:
    low, high = np.quantile(values[1:], [0.05, 0.95])
    return f"{low:.2f} to {high:.2f}"


def _interval(values: Array, form: Callable[[float], str]) -> str:
    """90 % bootstrap interval of the mean over seeds."""
    picks = np.random.default_rng(0).integers(len(values), size=(BOOTSTRAP, len(values)))
    return " to ".join(form(float(q)) for q in np.quantile(values[picks].mean(axis=1), [0.05, 0.95]))


def _ratios(table: Table, mine: Key, other: Key, accuracy: float) -> dict[str, Ratio]:
    both = {terrain: by for terrain, by in table.items() if mine in by and other in by}
    return {terrain: Ratio.of(by[mine], by[other], accuracy) for terrain, by in both.items()}


def figures(done: list[Finished]) -> Iterator[Figure]:
    """All rows, in the order of the goals."""
    table = table_of(done)
    for pending, goal in ((1, "≤ 0.55"), (8, "≤ 0.60")):
        ratios = _ratios(table, ("regime", pending), SOBOL, 0.95)
        if ratios:
            mean = np.exp(np.mean([np.log(r.values) for r in ratios.values()], axis=0))
            each = ", ".join(f"{terrain} {r.text}" for terrain, r in ratios.items())
            name, seeds = f"trials to 95 % over Sobol's, {pending} pending", min(r.seeds for r in ratios.values())
            yield Figure(name, goal, f"{mean[0]:.2f} ({each})", _spread(mean), seeds)
    for terrain, r in _ratios(table, REGIME, TPE, 0.90).items():
        yield Figure(f"trials to 90 % over TPE's, {terrain}", "≤ 0.40", r.text, _spread(r.values), r.seeds)
    yield from _calibration(table)


def _calibration(table: Table) -> Iterator[Figure]:
    at = f"at {COMPARED_AT} trials"
    for terrain, by in table.items():
        wrong = np.array([c.at(COMPARED_AT)["wrong_decided"] for c in by.get(REGIME, {}).values()])
        if len(wrong):
            got, interval = f"{100 * wrong.mean():.1f} %", _interval(wrong, lambda q: f"{100 * q:.1f} %")
            yield Figure(f"wrong among decided {at}, {terrain}", "≤ 3 %", got, interval, len(wrong))
    for terrain, by in table.items():
        seeds = sorted(by.get(REGIME, {}).keys() & by.get(SOBOL, {}).keys())
        if seeds:
            mine, sobol = (np.array([by[key][s].at(COMPARED_AT)["brier"] for s in seeds]) for key in (REGIME, SOBOL))
            got = f"{mine.mean():.3f} against {sobol.mean():.3f}"
            interval = _interval(mine - sobol, lambda q: f"{q:+.3f}")
            yield Figure(f"Brier against Sobol's {at}, {terrain}", "below", got, interval, len(seeds))
