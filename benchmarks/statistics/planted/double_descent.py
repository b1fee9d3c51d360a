"""Curves of error against width without a peak, with one that just counts, and with one in the wrong place."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from benchmarks.statistics.planted.study import Planted, measured, moved, trial
from fitscape.study.findings.double_descent import heights

WIDTHS: Final = (0.0625, 0.09375, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0)
FLAT: Final = (0.3,) * 9
SLOPE: Final = (0.5, 0.46, 0.42, 0.4, 0.38, 0.36, 0.35, 0.34, 0.33)
VALLEY: Final = (0.4, 0.33, 0.3, 0.3, 0.3, 0.3, 0.3, 0.32, 0.36)
AT_MARGIN: Final = (0.4, 0.33, 0.31, 0.32, 0.31, 0.3, 0.29, 0.28, 0.27)  # a peak one point high
FAR: Final = (0.4, 0.3, 0.25, 0.25, 0.25, 0.25, 0.25, 0.33, 0.25)  # a peak at 0.75, fitted from 0.1875 on
TRAIN: Final = (0.5, 0.35, 0.2, 0.05, 0.02, 0.01, 0.01, 0.01, 0.01)


def plant(
    rng: np.random.Generator,
    *,
    curve: Sequence[float],
    seeds: int,
    widths: int = 9,
    seed_sd: float = 0.05,
    shared_sd: float = 0.03,
    uneven: bool = False,
) -> Planted:
    """``shared_sd``: what a seed does to nets of every width alike; ``uneven``: the spread over seeds is three
    times as large around the interpolation threshold."""
    curve = curve[:widths]
    shared = rng.normal(0, shared_sd, seeds)
    trials = []
    for i, (width, train, val) in enumerate(zip(WIDTHS, TRAIN, curve, strict=False)):
        sd = seed_sd * (3 if uneven and i in (2, 3) else 1)
        for seed in range(seeds):
            error = moved(val, shared[seed] + rng.normal(0, sd))
            trials.append(trial({"width": width, "label_noise": 0.2, "seed": seed}, measured(rng, train, error)))
    height = float(heights(np.array(curve)).max())
    place = 1 - abs(np.log2(WIDTHS[1 + int(np.argmax(heights(np.array(curve))))] / WIDTHS[3]))
    return Planted(trials, {"peaks at": height, "interpolation threshold": place if height > 0 else -1.0})


KINDS = {
    **{
        f"{name}, {seeds} seeds": partial(plant, curve=curve, seeds=seeds)
        for name, curve in (("flat", FLAT), ("slope", SLOPE), ("valley", VALLEY), ("at the margin", AT_MARGIN))
        for seeds in (3, 5)
    },
    "flat, 3 seeds, 5 widths": partial(plant, curve=FLAT, seeds=3, widths=5),
    "flat, 3 seeds, uneven spread": partial(plant, curve=FLAT, seeds=3, uneven=True),
    "flat, 12 seeds, uneven spread": partial(plant, curve=FLAT, seeds=12, uneven=True),
    "far from the threshold, 3 seeds": partial(plant, curve=FAR, seeds=3),
    "far from the threshold, 5 seeds": partial(plant, curve=FAR, seeds=5, seed_sd=0.1),
}
