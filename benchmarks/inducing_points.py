"""Maps of many trials at inducing points beside the exact maps of the same trials, on landscapes whose truth is known.

    python -m benchmarks.inducing_points [--trials 2000] [--points 256 512 1024] [--landscapes S1 S3 D500] [--dry]

Of each map: the Brier score over the space, how often the 90 % interval of a validation error holds the truth, and CPU
seconds; of the approximate ones also the mean total variation distance of their probabilities from the exact ones, and
how often the likeliest regime is the same. Seed noise of .2 logits, 1,200 images, as in ``benchmarks.statistics``.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import keep
from benchmarks.statistics.maps import NAMES, Condition, fitted, ground, trials
from fitscape.study.maps import inducing
from fitscape.study.maps.decision import REGIMES

EVERY = 4  # of the points at which the truth is known


@contextmanager
def limits(exact: int, points: int) -> Iterator[None]:
    """Up to how many trials a map is exact, and how many inducing points it has beyond."""
    before = inducing.EXACT, inducing.POINTS
    inducing.EXACT, inducing.POINTS = exact, points  # type: ignore[misc]
    try:
        yield
    finally:
        inducing.EXACT, inducing.POINTS = before  # type: ignore[misc]


def measured(name: str, count: int, points: int | None) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Scores of one map and its probabilities; ``points`` None: the exact one."""
    here, table = ground(name), trials(name, Condition(count), seed=1)
    _, regimes = here.truth(table)
    test = np.arange(0, len(here.points), EVERY)
    where, truth = here.points.iloc[test], np.array([REGIMES.index(str(r)) for r in regimes[test]])
    with limits(10**9 if points is None else 0, points or 0):
        begun = time.process_time()
        one = fitted(name, table)
        p = one.predict(where)[list(REGIMES)].to_numpy()
        seconds = time.process_time() - begun
        interval = one.error_interval(where)
    alive = regimes[test] != "diverged"
    inside = (interval["low"] <= here.val[test]) & (here.val[test] <= interval["high"])
    brier = ((p - np.eye(len(REGIMES))[truth]) ** 2).sum(1).mean()
    return {"brier": float(brier), "inside": float(inside[alive].mean()), "cpu": round(seconds, 2)}, p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--points", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--landscapes", nargs="+", default=list(NAMES))
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name in arguments.landscapes:
        row, exact = measured(name, arguments.trials, None)
        table[name] = {"exact": row}
        for points in arguments.points:
            row, p = measured(name, arguments.trials, points)
            same = float((p.argmax(1) == exact.argmax(1)).mean())
            table[name][str(points)] = row | {"apart": float(np.abs(p - exact).sum(1).mean() / 2), "same": same}
        print(name, json.dumps(table[name], indent=1), flush=True)
    if not arguments.dry:
        keep("inducing_points", {"trials": arguments.trials, "table": table}, lambda axes: plot(table, axes))


def plot(table: dict[str, dict[str, dict[str, float]]], axes: Any) -> None:
    """Brier score over inducing points, the exact map's as a line."""
    for k, (name, rows) in enumerate(table.items()):
        counts = sorted(int(points) for points in rows if points != "exact")
        axes.plot(counts, [rows[str(n)]["brier"] for n in counts], "o-", color=f"C{k}", label=name)
        axes.axhline(rows["exact"]["brier"], color=f"C{k}", linestyle=":")
    axes.set_xlabel("inducing points (dotted: exact)")
    axes.set_ylabel("Brier score")
    axes.legend()


if __name__ == "__main__":
    main()
