"""Remedies that change nothing, and nets that stall as often as not at the deepest depth."""

from functools import partial
from itertools import product
from typing import Final

import numpy as np

from benchmarks.statistics.planted.study import CHANCE, Planted, epoch, label, trial
from fitscape.study.records import GradientProfile

DEPTHS: Final = (20, 32, 56)


def plant(
    rng: np.random.Generator,
    *,
    seeds: int,
    stall: float = 0.3,
    rescue: float = 0.0,
    lift: float = 0.0,
    deepest: float | None = None,
) -> Planted:
    """``stall``: chance that a net stalls; ``rescue``: by how much batch and group normalization lower it;
    ``lift``: decades that each remedy adds; ``deepest``: chance at the deepest depth (the rest: half of it)."""
    trials, labels = [], {}
    for family, norm, init, depth in product(
        ("plain", "resnet"), ("none", "batch", "group"), ("gaussian", "glorot", "he"), DEPTHS
    ):
        chance = stall if deepest is None else deepest if depth == DEPTHS[-1] else deepest / 2
        chance -= rescue * (norm != "none")
        for seed in range(seeds):
            size = float(10 ** rng.normal(-1, 0.3))
            start = GradientProfile(step=0, layers=("a", "b"), gradient_norms=(size, 1.0), weight_norms=(1.0, 1.0))
            stalls = bool(rng.random() < chance)
            error = CHANCE if stalls else 0.2
            record = epoch(error, error, epoch=1, gradients=(start,), gradient_ratio=size)
            hyperparameters = {"family": family, "norm": norm, "init": init, "depth": depth, "seed": seed}
            trials.append(trial(hyperparameters, record))
            labels[trials[-1].trial_id] = label(trials[-1], stalls)
    effects = {"normalization in plain nets lets": rescue, "lets nets train": 0.0}
    # Of the depth from which half stall: above 0 where it is among the depths run.
    frontier = {} if deepest is None else {"stop training": deepest - 0.5}
    return Planted(trials, {**effects, "larger": lift, "reach the first": lift, **frontier}, labels)


KINDS = {
    "nothing, 3 seeds": partial(plant, seeds=3),
    "nothing, 2 seeds, half stall": partial(plant, seeds=2, stall=0.5),
    "a rescue of the margin, 5 seeds": partial(plant, seeds=5, stall=0.1, rescue=0.05),
    "below half stall at the deepest, 3 seeds": partial(plant, seeds=3, deepest=0.49),
    "half stall at the deepest, 3 seeds": partial(plant, seeds=3, deepest=0.5),
    "above half stall at the deepest, 8 seeds": partial(plant, seeds=8, deepest=0.51),
}
