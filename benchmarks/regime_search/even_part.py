"""The sampler without a given reference error: alone, with the even part of `regimes`, and where trials have prices.

    python -m benchmarks.regime_search.even_part                  20 seeds: 40 minutes on one core
    python -m benchmarks.regime_search.even_part --minutes 10     begins no search after 10 minutes; call again to go on
    python -m benchmarks.regime_search.even_part --minutes 0      the figures of what is there

Nine landscapes: the four of ``benchmarks.regime_search`` and five random ones, on none of which the sampler was
chosen. Maps are scored after 24, 48 and 96 trials, one at a time. For prices the landscape S3 is run again, with
families of which one costs eight times as much as another; its map is scored once a search has spent what 48 trials of
an even design cost.

Every search is kept in benchmarks/results/regime_search_even_part.jsonl as it ends and is not run again: remove the
file after a change of the sampler or the map. Writes benchmarks/results/even_part-DATE.json.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.machine import facts
from benchmarks.record import RESULTS
from benchmarks.regime_search import store
from benchmarks.regime_search.even_part_figures import BLIND, MARKS, PRICED, SAMPLERS, SOBOL, WEIGHS, summarize
from benchmarks.regime_search.jobs import FIRST_SEED, TERRAINS, Finished, Job
from benchmarks.regime_search.random_landscapes import random_landscape
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import Curve, RunTrial, Terrain, simulate

Array = NDArray[np.float64]

KEPT: Final = RESULTS / "regime_search_even_part.jsonl"
RANDOM: Final = (41, 42, 43, 500, 501)
TRIALS, PRICES = 48, (1.0, 2.5, 8.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    end = time.monotonic() + 60 * arguments.minutes
    terrains: dict[str, Terrain] = {name: make_terrain() for name, make_terrain in TERRAINS.items()}
    terrains |= {f"D{i}": random_landscape(i) for i in RANDOM}
    done = store.load(KEPT)
    known = {one.job for one in done}
    for job in _jobs(arguments.seeds, list(terrains)):
        if time.monotonic() >= end:
            break
        if job not in known:
            done.append(Finished(job, _search(job, terrains)))
            store.append(KEPT, done[-1])
    rows = summarize(done)
    for row in rows:
        print(" ".join(f"{key} {value:.3f}" if isinstance(value, float) else str(value) for key, value in row.items()))
    machine = facts()
    file = RESULTS / f"even_part-{machine['date'][:10]}.json"
    file.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def _jobs(seeds: int, terrains: list[str]) -> Iterator[Job]:
    """Seed by seed, so that every sampler has the same ones wherever it is cut short."""
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        yield from (Job(name, sampler, 1, seed) for name in terrains for sampler in SAMPLERS)
        yield from (Job(PRICED, sampler, 1, seed) for sampler in (SOBOL, BLIND, WEIGHS))


def _search(job: Job, terrains: dict[str, Terrain]) -> Curve:
    if job.terrain == PRICED:
        return _for_equal_time(terrains["S3"], job)
    terrain = terrains[job.terrain]
    made = make(job.sampler, terrain, job.seed, 1)
    return simulate(terrain, job.sampler, made, pending=1, seed=job.seed, marks=list(MARKS))


def _for_equal_time(terrain: Terrain, job: Job) -> Curve:
    """The map when a search has spent what so many trials of an even design cost: its last mark within that."""
    families = {name: d.choices for name, d in terrain.space.items() if hasattr(d, "choices")}
    ((named, choices),) = families.items()
    price = dict(zip(choices, np.geomspace(PRICES[0], PRICES[-1], len(choices)), strict=True))
    budget = TRIALS * float(np.mean(list(price.values())))
    spent: list[float] = []

    def cost(points: Sequence[dict[str, Any]]) -> Array:
        return np.array([price[point[named]] for point in points])

    def run(point: dict[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], int]:
        spent.append(price[point[named]])
        return asdict(terrain.run(point, rng)), 1

    play: RunTrial = run
    sampler = job.sampler.split(",")[0]
    made = make(sampler, terrain, job.seed, 1, cost if job.sampler == WEIGHS else None)
    marks = list(range(24, 145, 6))
    curve = simulate(terrain, sampler, made, pending=1, seed=job.seed, marks=marks, run=play, apart=named)
    within = max(i for i, n in enumerate(curve.n) if sum(spent[:n]) <= budget or i == 0)
    at = slice(within, within + 1)
    return replace(curve, n=curve.n[at], epochs=curve.epochs[at], scores=curve.scores[at])


if __name__ == "__main__":
    main()
