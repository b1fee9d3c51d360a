"""What the even part costs, and what a look at prices brings: maps after 48 trials, and for equal time.

    python -m benchmarks.regime_search.even_part --seeds 4 --minutes 10

Prints a line for each search as it ends, then means over all landscapes and seeds that every sampler has. The
reference error is estimated by the sampler, as in a study that names none. For prices the landscape S3 is run again,
with families of which one costs eight times as much as another; the map is scored once a search has spent what 48
trials of an even design cost.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import optuna

from benchmarks.regime_search.jobs import FIRST_SEED, TERRAINS
from benchmarks.regime_search.random_landscapes import random_landscape
from benchmarks.regime_search.samplers import make
from benchmarks.regime_search.simulate import RunTrial, Terrain, simulate

TRIALS = 48
SAMPLERS = ("sobol", "regime-estimated", "even-estimated")
PRICES = (1.0, 2.5, 8.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    end = time.monotonic() + 60 * arguments.minutes
    terrains: dict[str, Terrain] = {name: make_terrain() for name, make_terrain in TERRAINS.items()}
    terrains |= {f"D{i}": random_landscape(i) for i in (41, 42, 43)}
    scores: dict[str, dict[tuple[str, int], dict[str, float]]] = defaultdict(dict)
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
        for name, terrain in terrains.items():
            for sampler in SAMPLERS:
                if time.monotonic() > end:
                    break
                scores[sampler][name, seed] = _at_48(terrain, sampler, seed)
                print(seed, name, sampler, scores[sampler][name, seed], flush=True)
        for sampler, blind in (("sobol", True), ("even-estimated", True), ("even-estimated", False)):
            if time.monotonic() < end:
                told = f"{sampler}, {'blind to' if blind else 'weighs'} prices"
                scores[told]["priced", seed] = _for_equal_time(terrains["S3"], sampler, seed, blind=blind)
                print(seed, "priced", told, scores[told]["priced", seed], flush=True)
    for group in (SAMPLERS, [name for name in scores if name not in SAMPLERS]):
        whole = set.intersection(*(set(scores[name]) for name in group)) if group else set()
        for name in group:
            brier = np.array([scores[name][key]["brier"] for key in sorted(whole)])
            undecided = np.array([scores[name][key]["undecided"] for key in sorted(whole)])
            error = brier.std(ddof=1) / np.sqrt(len(brier))
            print(
                f"{name:40} n {len(brier)}: Brier {brier.mean():.3f} (se {error:.3f}), undecided {undecided.mean():.3f}"
            )


def _at_48(terrain: Terrain, sampler: str, seed: int) -> dict[str, float]:
    curve = simulate(terrain, sampler, make(sampler, terrain, seed, 1), pending=1, seed=seed, marks=[TRIALS])
    return {name: curve.scores[-1][name] for name in ("brier", "undecided")}


def _for_equal_time(terrain: Terrain, sampler: str, seed: int, *, blind: bool) -> dict[str, float]:
    """Of the map when a search has spent what so many trials of an even design cost."""
    (families,) = [d.choices for d in terrain.space.values() if hasattr(d, "choices")]
    named = next(name for name, d in terrain.space.items() if hasattr(d, "choices"))
    price = dict(zip(families, np.geomspace(PRICES[0], PRICES[-1], len(families)), strict=True))
    budget = TRIALS * float(np.mean(list(price.values())))
    spent: list[float] = []

    def cost(points: Sequence[dict[str, Any]]) -> np.ndarray:
        return np.array([price[point[named]] for point in points])

    def run(point: dict[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], int]:
        spent.append(price[point[named]])
        return asdict(terrain.run(point, rng)), 1

    play: RunTrial = run
    made = make(sampler, terrain, seed, 1, None if blind else cost)
    marks = list(range(24, 145, 6))
    curve = simulate(terrain, sampler, made, pending=1, seed=seed, marks=marks, run=play)
    within = max(i for i, n in enumerate(curve.n) if sum(spent[:n]) <= budget or i == 0)
    return {name: curve.scores[within][name] for name in ("brier", "undecided")} | {"trials": curve.n[within]}


if __name__ == "__main__":
    main()
