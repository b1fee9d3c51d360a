"""Level-set acquisitions of others beside the regime sampler: AEPsych's on BoTorch's processes, and drlse's rule.

    python -m benchmarks.regime_search.level_sets                  10 seeds of each landscape
    python -m benchmarks.regime_search.level_sets --minutes 10     begins no search after 10 minutes; call again
    python -m benchmarks.regime_search.level_sets --minutes 0      the figures of what is there

Who chooses the trials differs and nothing else: every sampler knows the reference error, begins with as many Sobol
points, and is judged by the same map, fitted to the trials that it chose, after 24 and 48 trials, one at a time. Nine
landscapes, those of ``even_part``; drlse's rule (``reliable_set_sampler``) takes spaces of two numbers, of which S1 is
one.

aepsych and botorch are no dependencies of this project. Install them beside it, without what they would replace:
``pip install --no-deps aepsych botorch gpytorch linear-operator pyro-ppl pyro-api pyre-extensions typing-inspect
mypy-extensions multipledispatch jaxtyping wadler-lindig``. Without them their acquisitions are left out. AEPsych writes
a folder ``logs`` where it is started.

Every search is kept in benchmarks/results/regime_search_level_sets.jsonl as it ends and is not run again. Writes
benchmarks/results/level_sets-DATE.json.
"""

import argparse
import json
import time
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from itertools import product
from typing import Any, Final

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from benchmarks.machine import facts
from benchmarks.record import RESULTS
from benchmarks.regime_search import store
from benchmarks.regime_search.even_part import RANDOM
from benchmarks.regime_search.even_part_figures import compared
from benchmarks.regime_search.jobs import FIRST_SEED, TERRAINS, Finished, Job
from benchmarks.regime_search.random_landscapes import random_landscape
from benchmarks.regime_search.reliable_set_sampler import ReliableSetSampler
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import Terrain, simulate

KEPT: Final = RESULTS / "regime_search_level_sets.jsonl"
MARKS: Final = (24, 48)  # trials
SOBOL, REGIME = OWN = ("sobol", "regime")
STRADDLE, INFORMATION = THEIRS = ("straddle", "information")
DRLSE: Final = "drlse"
PACKAGES: Final = ("aepsych", "botorch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--samplers", nargs="+", choices=(*OWN, DRLSE, *THEIRS), default=[*OWN, DRLSE, *THEIRS])
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        print(f"{' and '.join(absent)}: not installed, so their acquisitions are left out; --help says how to install")
        arguments.samplers = [name for name in arguments.samplers if name not in THEIRS]
    end = time.monotonic() + 60 * arguments.minutes
    terrains: dict[str, Terrain] = {name: make_terrain() for name, make_terrain in TERRAINS.items()}
    terrains |= {f"D{i}": random_landscape(i) for i in RANDOM}
    done = store.load(KEPT)
    known = {one.job for one in done}
    for seed, name, sampler in product(range(FIRST_SEED, FIRST_SEED + arguments.seeds), terrains, arguments.samplers):
        job = Job(name, sampler, 1, seed)
        if job not in known and time.monotonic() < end and (sampler != DRLSE or _two_numbers(terrains[name])):
            made = _sampler(job, terrains[name])
            done.append(Finished(job, simulate(terrains[name], sampler, made, pending=1, seed=seed, marks=list(MARKS))))
            store.append(KEPT, done[-1])
    rows = list(summarize(done))
    for row in rows:
        print(" ".join(f"{key} {value:.3f}" if isinstance(value, float) else str(value) for key, value in row.items()))
    machine = facts() | {"packages": {name: version(name) for name in PACKAGES if name not in absent}}
    file = RESULTS / f"level_sets-{machine['date'][:10]}.json"
    file.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def _sampler(job: Job, terrain: Terrain) -> BaseSampler:
    if job.sampler in OWN:
        return make(job.sampler, terrain, job.seed, 1)
    if job.sampler == DRLSE:
        return ReliableSetSampler(terrain.space, terrain.cuts, job.seed)
    from benchmarks.regime_search.level_set_sampler import LevelSetSampler  # needs other packages

    return LevelSetSampler(terrain.space, terrain.cuts, job.sampler, job.seed)  # type: ignore[arg-type]


def _two_numbers(terrain: Terrain) -> bool:
    return len(terrain.space) == 2 and not any(hasattr(d, "choices") for d in terrain.space.values())


def summarize(done: list[Finished]) -> Iterator[dict[str, Any]]:
    """Brier scores of each sampler over Sobol's, and of theirs over the regime sampler's: by landscape and over all.

    Each pair is compared over the seeds that both have on every landscape that both were run on.
    """
    at = {(one.job.sampler, one.job.terrain, one.job.seed): one.curve for one in done}
    pairs = [(sampler, SOBOL) for sampler in (REGIME, DRLSE, *THEIRS)]
    pairs += [(sampler, REGIME) for sampler in (DRLSE, *THEIRS)]
    for (sampler, over), trials in product(pairs, MARKS):
        both = {
            terrain: {seed for s, t, seed in at if (s, t) == (sampler, terrain) and (over, terrain, seed) in at}
            for terrain in dict.fromkeys(one.job.terrain for one in done)
        }
        terrains = [terrain for terrain, seeds in both.items() if seeds]
        seeds = sorted(set.intersection(*(both[terrain] for terrain in terrains))) if terrains else []
        if not seeds:
            continue
        mine, other = (
            np.array([[at[name, terrain, seed].at(trials)["brier"] for seed in seeds] for terrain in terrains])
            for name in (sampler, over)
        )
        parts = {terrain: slice(i, i + 1) for i, terrain in enumerate(terrains)} | {"all": slice(None)}
        for terrain, part in parts.items():
            told = {"landscape": terrain, "trials": trials, "sampler": sampler, "over": over}
            yield told | {"landscapes": len(mine[part])} | compared(mine[part], other[part])


if __name__ == "__main__":
    main()
