"""Shares of a space that more trials were expected to decide, against maps of those trials."""

from typing import Any, Final

import numpy as np

from benchmarks.statistics import maps
from benchmarks.statistics.maps import Condition
from fitscape.study.maps import prospect

CONDITIONS: Final = {"24": 24, "48": 48}  # trials at hand
LATER: Final = (36, 48, 72, 96)
CHOSEN: Final = (*maps.NAMES, "D42")  # landscapes on which the forecast was put together
NAMES: Final = (*CHOSEN, "D600", "D601", "D602", "D603", "D604", "D605")


def run(name: str, condition: str, seed: int) -> dict[str, Any]:
    """One study of 96 trials, seen after the first few: by how much the shares that were expected missed."""
    table, now = maps.trials(name, Condition(LATER[-1]), seed), CONDITIONS[condition]
    ends = [n for n in LATER if n > now]
    said = prospect.expected(maps.fitted(name, table.iloc[:now]), [n - now for n in ends])
    came = [prospect.shares(maps.fitted(name, table.iloc[:n])) for n in ends]
    misses = [[n, s.undecided - c.undecided, s.two - c.two] for n, s, c in zip(ends, said, came, strict=True)]
    return {"landscape": name, "condition": condition, "seed": seed, "misses": misses}


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a kind of landscape, number of trials at hand and later; misses are expected less later shares."""
    rows = []
    for kind, names in {"chosen": CHOSEN, "held out": tuple(set(NAMES) - set(CHOSEN))}.items():
        for condition in CONDITIONS:
            group = [m for d in done if d["landscape"] in names and d["condition"] == condition for m in d["misses"]]
            for n in LATER:
                undecided = np.array([m[1] for m in group if m[0] == n])
                if not len(undecided):
                    continue
                two = np.array([m[2] for m in group if m[0] == n])
                _, half = prospect.spread((n - CONDITIONS[condition]) / CONDITIONS[condition])
                figures = {
                    "studies": len(undecided),
                    "miss": float(undecided.mean()),
                    "miss_se": float(undecided.std() / np.sqrt(len(undecided))),
                    "distance": float(np.abs(undecided).mean()),
                    "inside": float((np.abs(undecided) <= half).mean()),
                    "miss_two": float(two.mean()),
                }
                rows.append({"landscapes": kind, "at_hand": condition, "later": n, **figures})
    return rows
