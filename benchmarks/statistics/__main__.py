"""How often this project is right, on studies whose truth was planted.

    python -m benchmarks.statistics                    all parts, 1,000 studies a kind: hours on one core
    python -m benchmarks.statistics claims             one part (claims, power, maps, labels, prospects, images, ...)
    python -m benchmarks.statistics --minutes 20       begins nothing after 20 minutes; call again to go on
    python -m benchmarks.statistics --quick            a few studies of each kind, printed, not kept

Every study is kept in benchmarks/results/statistics/PART.jsonl as it ends and is not run again: remove the file after
a change of what it measures. Writes benchmarks/results/statistics-PART.json with n and standard errors.
"""

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import product
from types import ModuleType
from typing import Any

from benchmarks.machine import facts
from benchmarks.statistics import claims, comparisons, groups, images, kept, labels, maps, power, prospects
from benchmarks.statistics.planted import families

QUICK = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--studies", type=int, default=1000, help="of each kind")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    for part in arguments.parts or PARTS:
        PARTS[part](QUICK if arguments.quick else arguments.studies, end, not arguments.quick)


def run_claims(studies: int, end: float, keep: bool) -> None:
    """Section by section of the findings: studies with any wrong claim."""
    done = [claims.Study(**row) for row in kept.load("claims")] if keep else []
    known = {(one.family, one.kind, one.seed) for one in done}
    gc.freeze()  # statsmodels collects at each correction, which takes longer than all else of a study
    for seed in range(studies):
        if time.monotonic() >= end:
            break
        for family, kinds in families().items():
            for kind in kinds:
                if (family, kind, seed) in known:
                    continue
                done.append(claims.run(family, kind, seed))
                if keep:
                    kept.append("claims", asdict(done[-1]))
    rates = claims.rates(done)
    rows: list[dict[str, Any]] = [
        {"family": family, "kind": kind, "studies": n, "wrong": wrong, "se": se, "decided": decided}
        for (family, kind), (n, wrong, se, decided) in rates.items()
    ]
    for row in rows:
        print("{family:15s} {kind:50s} n {studies:5d} wrong {wrong:.3f} ({se:.3f}) decided {decided:.2f}".format(**row))
    if keep:
        kept.summary("claims").write_text(json.dumps({"machine": facts(), "rows": rows}, indent=1) + "\n")


def run_power(studies: int, end: float, keep: bool) -> None:
    """Planted effects that are found, beside textbook tests; a fifth as many studies of each size of an effect."""
    gc.freeze()
    seeds = range(max(1, studies // 5))
    jobs = ((name, effect, n) for n in seeds for name, design in power.DESIGNS.items() for effect in design.kinds)
    done = _resumed("power", ("design", "effect", "seed"), jobs, power.run, end, keep)
    rows = power.summarize(done)
    for row in rows:
        print(row)
    if keep:
        kept.summary("power").write_text(json.dumps({"machine": facts(), "rows": rows}, indent=1) + "\n")


def run_maps(studies: int, end: float, keep: bool) -> None:
    """Intervals and probabilities of the map: a tenth as many studies, each a landscape's under a condition."""
    _run_landscapes("maps", maps, studies, end, keep)


def run_labels(studies: int, end: float, keep: bool) -> None:
    """Labels of trials, with the map and without it; as many studies."""
    _run_landscapes("labels", labels, studies, end, keep)


def run_prospects(studies: int, end: float, keep: bool) -> None:
    """What more trials were expected to decide; a tenth as many studies of each landscape."""
    _run_landscapes("prospects", prospects, studies, end, keep)


def run_images(studies: int, end: float, keep: bool) -> None:
    """Errors with all images, foretold from a quarter; a tenth as many splits of each data set."""
    _run_landscapes("images", images, studies, end, keep)


def _run_landscapes(part: str, room: ModuleType, studies: int, end: float, keep: bool) -> None:
    names, seeds = getattr(room, "NAMES", maps.NAMES), range(max(1, studies // 10))
    jobs = ((name, condition, seed) for seed in seeds for condition in room.CONDITIONS for name in names)
    done = _resumed(part, ("landscape", "condition", "seed"), jobs, room.run, end, keep)
    rows = room.summarize(done)
    for row in rows:
        print(" ".join(f"{key} {value:.3f}" if isinstance(value, float) else str(value) for key, value in row.items()))
    if keep:
        kept.summary(part).write_text(json.dumps({"machine": facts(), "rows": rows}, indent=1) + "\n")


def run_groups(studies: int, end: float, keep: bool) -> None:
    """Intervals of errors of grouped images: minutes, so that they are always begun anew."""
    rows: list[dict[str, Any]] = []
    for name, parts in groups.PARTS.items():
        for correlation, error, metric in product(groups.CORRELATIONS, groups.ERRORS, groups.METRICS):
            if time.monotonic() < end:
                found = groups.coverage(parts, correlation, error, metric, rounds=studies)
                rows.append(
                    {"parts": name, "correlation": correlation, "error": error, "metric": metric} | asdict(found)
                )
                print(rows[-1])
    if keep:
        text = json.dumps({"machine": facts(), "rounds": studies, "rows": rows}, indent=1)
        kept.summary("groups").write_text(text + "\n")


def run_comparisons(studies: int, end: float, keep: bool) -> None:
    """Pairs of studies: repeats, of which none should be found different, and planted changes; a tenth as many."""
    jobs = ((kind, number) for number in range(max(1, studies // 10)) for kind in comparisons.PAIRS)
    done = _resumed("comparisons", ("kind", "number"), jobs, comparisons.run, end, keep)
    rows = comparisons.summarize(done)
    for row in rows:
        print(row)
    if keep:
        kept.summary("comparisons").write_text(json.dumps({"machine": facts(), "rows": rows}, indent=1) + "\n")


def _resumed(
    part: str,
    key: Sequence[str],
    jobs: Iterable[tuple[Any, ...]],
    run: Callable[..., dict[str, Any] | None],
    end: float,
    keep: bool,
) -> list[dict[str, Any]]:
    """What is done of a part, then what is not, until the time is over. ``key`` names in a row what its job is."""
    done = list(kept.load(part)) if keep else []
    known = {tuple(one[name] for name in key) for one in done}
    for job in jobs:
        if time.monotonic() < end and job not in known and (found := run(*job)) is not None:
            done.append(found)
            if keep:
                kept.append(part, found)
    return done


PARTS: dict[str, Callable[[int, float, bool], None]] = {
    "claims": run_claims,
    "power": run_power,
    "maps": run_maps,
    "labels": run_labels,
    "prospects": run_prospects,
    "images": run_images,
    "groups": run_groups,
    "comparisons": run_comparisons,
}


if __name__ == "__main__":
    main()
