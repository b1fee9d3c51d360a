"""Depth that changes nothing, or the training error by just what counts."""

from functools import partial
from typing import Final

import numpy as np

from benchmarks.statistics.planted.study import Planted, measured, trial
from fitscape.study.regimes.depth import RISE

RATES: Final = (0.03, 0.1, 0.3)


def plant(
    rng: np.random.Generator,
    *,
    seeds: int,
    rise: float = 0.0,
    error: float = 0.2,
    sd: float = 0.02,
    deep_rates: tuple[float, float, float] = (0.1, 0.0, 0.1),
    shallow_rates: tuple[float, float, float] = (0.1, 0.0, 0.1),
) -> Planted:
    """Errors at the best rate differ by ``rise``; the others lie above by what ``*_rates`` say."""
    trials = []
    for family, depth, worse in (
        (f, d, w) for f in ("plain", "resnet") for d, w in ((20, shallow_rates), (56, deep_rates))
    ):
        for lr, above in zip(RATES, worse, strict=True):
            for seed in range(seeds):
                train = float(np.clip(error + above + rise * (depth == 56) + rng.normal(0, sd), 1e-3, 0.9))
                record = measured(rng, train, min(train + 0.03, 0.9), gradient_ratio=float(10 ** rng.normal(-3, 0.2)))
                hyperparameters = {"family": family, "depth": depth, "lr": lr, "seed": seed}
                trials.append(trial(hyperparameters, record))
    return Planted(trials, {"do not vanish": 0.0, "Degradation": rise})


KINDS = {
    "nothing, 3 seeds": partial(plant, seeds=3),
    "nothing, 5 seeds": partial(plant, seeds=5),
    "nothing, 3 seeds, rates alike for the deep net": partial(plant, seeds=3, deep_rates=(0.0, 0.0, 0.0)),
    "nothing, 3 seeds, rates alike for the shallow net": partial(plant, seeds=3, shallow_rates=(0.0, 0.0, 0.0)),
    "the margin, 5 seeds": partial(plant, seeds=5, rise=RISE),
    "the margin, 5 seeds, rates alike for the deep net": partial(plant, seeds=5, rise=RISE, deep_rates=(0.0, 0.0, 0.0)),
}
