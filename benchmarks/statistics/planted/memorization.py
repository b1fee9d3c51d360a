"""Random labels: errors that lie on the very boundary of what is claimed."""

from functools import partial

import numpy as np

from benchmarks.statistics.planted.study import Planted, measured, moved, trial
from fitscape.study.findings.memorization import FITTED, NEAR_CHANCE


def plant(
    rng: np.random.Generator, *, seeds: int, configurations: int = 1, own_sd: float = 0.0, gain: float = 0.0
) -> Planted:
    """Nets that fit random labels to just ``FITTED`` and lie just ``NEAR_CHANCE`` from chance; regularization
    lowers the error on true labels by ``gain``."""
    trials = []
    for noise, decay, i in ((n, d, i) for n in (0.0, 1.0) for d in (0.0, 1e-2) for i in range(configurations)):
        own = rng.normal(0, own_sd)
        train = FITTED if noise else 0.02
        val = 0.9 - NEAR_CHANCE if noise else 0.2 - gain * (decay > 0)
        for seed in range(seeds):
            shift = own + rng.normal(0, 0.2)
            record = measured(rng, _centred(train, shift), _centred(val, shift / 4))
            hyperparameters = {"label_noise": noise, "weight_decay": decay, "lr": 0.1 * 1.1**i, "seed": seed}
            trials.append(trial(hyperparameters, record))
    return Planted(
        trials,
        {"nets fit random labels": 0.0, "at chance": 0.0, "does not keep": 0.0, "lowers the validation error": gain},
    )


def _centred(error: float, shift: float) -> float:
    """Moved by a logit of symmetric distribution, its mean kept to second order."""
    return float(np.clip(error + (moved(error, shift) - moved(error, -shift)) / 2, 1e-4, 0.99))


KINDS = {
    "on the boundary, 3 seeds": partial(plant, seeds=3),
    "on the boundary, 6 seeds": partial(plant, seeds=6),
    "on the boundary, 4 configurations x 3 seeds": partial(plant, seeds=3, configurations=4, own_sd=0.0),
    "regularization gains the margin, 6 seeds": partial(plant, seeds=6, gain=0.005),
}
