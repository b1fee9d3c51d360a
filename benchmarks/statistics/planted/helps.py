"""What helps: regressions over a space in which nothing does, or just as much as counts."""

from functools import partial

import numpy as np

from benchmarks.statistics.planted.study import Planted, measured, moved, trial
from fitscape.study.findings.recommendation import MARGIN

WIDTHS, FRACTIONS, DECAYS = (0.25, 2.0), (0.1, 1.0), (1e-5, 1e-1)


def plant(
    rng: np.random.Generator,
    *,
    configurations: int,
    seeds: int,
    own_sd: float = 0.3,
    seed_sd: float = 0.2,
    slope: float = 0.0,
    uneven: bool = False,
) -> Planted:
    """A Sobol-like study; ``own_sd``: what a configuration adds that no straight line explains, in logits;
    ``slope``: fall of the logit error per doubling of images and width and tenfold of weight decay."""
    trials = []
    for _ in range(configurations):
        where = rng.random(3)
        width, fraction, decay = (
            low * (high / low) ** u for (low, high), u in zip((WIDTHS, FRACTIONS, DECAYS), where, strict=True)
        )
        doublings = [np.log2(width), np.log2(fraction), np.log10(decay / 1e-3)]
        own = rng.normal(0, own_sd * (2 * where[0] if uneven else 1.0))
        shift = own - slope * sum(doublings)
        for seed in range(seeds):
            val = moved(0.2, shift + rng.normal(0, seed_sd))
            hyperparameters = {"width": width, "train_fraction": fraction, "weight_decay": decay, "seed": seed}
            trials.append(trial(hyperparameters, measured(rng, 0.05, val), origin="sobol"))
    return Planted(trials, {"helps": slope})


KINDS = {
    "nothing, 16 configurations x 3 seeds": partial(plant, configurations=16, seeds=3),
    "nothing, 16 configurations": partial(plant, configurations=16, seeds=1),
    "nothing, 48 configurations": partial(plant, configurations=48, seeds=1),
    "nothing, 20 x 3, spread grows with width": partial(plant, configurations=20, seeds=3, uneven=True),
    "the margin, 16 configurations x 3 seeds": partial(plant, configurations=16, seeds=3, slope=MARGIN),
    "the margin, 48 configurations, little spread": partial(
        plant, configurations=48, seeds=1, own_sd=0.05, seed_sd=0.05, slope=MARGIN
    ),
}
