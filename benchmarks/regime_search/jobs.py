"""Which searches are compared, and how one of them is run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import optuna

from benchmarks.regime_search import landscapes
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import Curve, Terrain, checkpoints, simulate
from benchmarks.regime_search.tabulated import DigitsNets

TERRAINS: dict[str, Callable[[], Terrain]] = {
    "S1": landscapes.double_descent,
    "S2": landscapes.divergence_cliff,
    "S3": landscapes.architectures,
    "R1": DigitsNets,
}
LAST = {"S1": 224, "S2": 640, "S3": 512, "R1": 320}  # trials at most
TPE_LAST = 256
JUDGED = (("regime", 1), ("regime", 8), ("sobol", 1), ("tpe", 1))  # a goal is about these
OTHERS = (("random", 1), ("grid", 1), ("tpe", 8), ("regime-estimated", 1))  # the last: reference error unknown
FIRST_SEED = 100
ENOUGH, COMPARED_AT = 0.95, 96


@dataclass(frozen=True)
class Job:
    """One search."""

    terrain: str
    sampler: str
    pending: int
    seed: int


@dataclass(frozen=True)
class Finished:
    """A job and what came of it."""

    job: Job
    curve: Curve


_built: dict[str, Terrain] = {}


def search(job: Job) -> Finished:
    """Run one job."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if job.terrain not in _built:
        _built[job.terrain] = TERRAINS[job.terrain]()
    terrain = _built[job.terrain]
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
    )
    return Finished(job, curve)


def rounds(seeds: int, fewer: int, terrains: list[str]) -> Iterator[list[Job]]:
    """A round a seed: every search of that seed; those that no goal is about in ``fewer`` rounds, evenly spread."""
    every = max(1, seeds // max(fewer, 1))
    for i, seed in enumerate(range(FIRST_SEED, FIRST_SEED + seeds), 1):
        samplers = (*JUDGED, *OTHERS) if fewer and i % every == 0 else JUDGED
        yield [Job(terrain, name, pending, seed) for terrain in terrains for name, pending in samplers]
