"""Compare samplers by the map they give, all with the same surrogate, and write a dated report.

    python -m benchmarks.regime_search            about an hour on two cores
    python -m benchmarks.regime_search --quick    two seeds, two landscapes, two minutes: does it still work?

Writes benchmarks/results/regime_search-DATE.json, .md and .png (with --quick: nothing, it prints).
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import optuna

from benchmarks.regime_search import landscapes, report
from benchmarks.regime_search.joint import StoppedRuns
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import Curve, Terrain, checkpoints, simulate
from benchmarks.regime_search.tabulated import DigitsNets

TERRAINS = {
    "S1": landscapes.double_descent,
    "S2": landscapes.divergence_cliff,
    "S3": landscapes.architectures,
    "R1": DigitsNets,
}
LAST = {"S1": 224, "S2": 640, "S3": 512, "R1": 320}  # trials at most
TPE_LAST = 256
SAMPLERS = (("regime", 1), ("regime", 8), ("sobol", 1), ("random", 1), ("tpe", 1), ("tpe", 8), ("grid", 1))
ESTIMATED = ("regime-estimated", 1)  # with the reference error unknown to the sampler
FIRST_SEED = 100
ENOUGH, COMPARED_AT = 0.95, 96


@dataclass(frozen=True)
class Job:
    """One search."""

    terrain: str
    sampler: str
    pending: int
    seed: int
    stopping: bool | None = None  # None: trials of one epoch; else R1 with its epochs, with or without the rule


_built: dict[str, Terrain] = {}


def search(job: Job) -> tuple[Job, Curve, dict[str, int]]:
    """Run one job; what the stopping rule did comes along."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    terrain = _built.setdefault(job.terrain, TERRAINS[job.terrain]())
    runs = None
    if job.stopping is not None:
        assert isinstance(terrain, DigitsNets)
        runs = StoppedRuns(terrain, job.seed, job.stopping)
    last = min(LAST[job.terrain], TPE_LAST if job.sampler == "tpe" else LAST[job.terrain])
    curve = simulate(
        terrain,
        job.sampler,
        make(job.sampler, terrain, job.seed, job.pending),
        pending=job.pending,
        seed=job.seed,
        marks=checkpoints(last),
        enough=ENOUGH,
        at_least=COMPARED_AT,
        run=runs,
    )
    counts = {k: getattr(runs, k) for k in ("spent", "full", "stopped", "flipped", "trials")} if runs else {}
    return job, curve, counts


def jobs(seeds: int, terrains: list[str]) -> Iterator[Job]:
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for terrain in terrains:
            for sampler, pending in (*SAMPLERS, ESTIMATED):
                yield Job(terrain, sampler, pending, seed)
        if "R1" in terrains:
            yield Job("R1", "regime", 1, seed, stopping=True)
            yield Job("R1", "sobol", 1, seed, stopping=False)
            yield Job("R1", "sobol", 1, seed, stopping=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # of the processes that are spawned below
        os.environ[variable] = "1"
    terrains = ["S1", "R1"] if arguments.quick else list(TERRAINS)
    todo = list(jobs(2 if arguments.quick else arguments.seeds, terrains))
    done: list[Any] = []
    with get_context("spawn").Pool(arguments.processes) as pool:
        for i, result in enumerate(pool.imap_unordered(search, todo), 1):
            done.append(result)
            if i % 20 == 0 or i == len(todo):
                print(f"{i} of {len(todo)} searches", flush=True)
    text, summary = report.summarize(done)
    print(text)
    if not arguments.quick:
        report.write(text, summary, done)


if __name__ == "__main__":
    main()
