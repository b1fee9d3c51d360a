"""Learning curves that fall and then only fluctuate, or rise by what just counts."""

from functools import partial
from typing import Final

import numpy as np

from benchmarks.statistics.planted.study import IMAGES, Planted, epoch, trial
from fitscape.study.records import LatePair, TrialRecord
from fitscape.study.regimes.late import RISE

HALF: Final = IMAGES // 2
LOSS: Final = 0.5  # where the curves settle
ERROR: Final = 0.2


def plant(
    rng: np.random.Generator,
    *,
    configurations: int,
    seeds: int,
    epochs: int = 20,
    fluctuation: float = 0.05,
    memory: float = 0.0,
    rise: float = 0.0,
    best: int = 8,
    own_sd: float = 0.2,
    origin: str = "grid",
) -> Planted:
    """``fluctuation``: of the logarithm of an epoch's loss around its course, with ``memory`` from one epoch to
    the next; ``rise``: of the loss from the best epoch to the last, as a share, and a tenth as much of the error."""
    time = np.arange(1, epochs + 1)
    course = np.exp(-time / 1.5) * 2 + np.where(time > best, np.log1p(rise) * (time - best) / (epochs - best), 0.0)
    course -= course[time <= best].min() if rise else 0.0
    trials = []
    for i in range(configurations):
        own = rng.normal(0, own_sd)
        for seed in range(seeds):
            wander = _wander(rng, epochs, memory) * fluctuation
            losses = LOSS * np.exp(own + course + wander)
            errors = np.clip(ERROR * np.exp(own / 2 + course * 0.3 + wander * 0.3), 0.01, 0.85)
            hyperparameters = {"architecture": "resnet18", "lr": 0.01 * 1.1**i, "seed": seed}
            trials.append(_run(rng, hyperparameters, losses, errors, origin))
    error_rise = ERROR * np.exp(own_sd**2 / 8) * (np.exp(0.3 * np.log1p(rise)) - 1)
    return Planted(trials, {"validation loss": rise, "validation error": error_rise})


def _wander(rng: np.random.Generator, epochs: int, memory: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    steps = rng.standard_normal(epochs)
    for t in range(1, epochs):
        steps[t] = memory * steps[t - 1] + np.sqrt(1 - memory**2) * steps[t]
    return steps


def _run(
    rng: np.random.Generator, hyperparameters: dict[str, object], losses: np.ndarray, errors: np.ndarray, origin: str
) -> TrialRecord:
    """Images are the same at every epoch: each has its own difficulty, and a little luck of the epoch."""
    difficulty = {half: rng.gamma(0.5, 2.0, HALF) for half in "ab"}
    hard = {half: rng.random(HALF) for half in "ab"}
    per_image, wrong, records = [], [], []
    for t, (loss, error) in enumerate(zip(losses, errors, strict=True)):
        image = {h: loss * difficulty[h] * rng.lognormal(-0.02, 0.2, HALF) for h in "ab"}
        miss = {h: hard[h] + rng.normal(0, 0.02, HALF) < error for h in "ab"}
        per_image.append(image)
        wrong.append(miss)
        a, b = (float(image[h].mean()) for h in "ab")
        error_a, error_b = (float(miss[h].mean()) for h in "ab")
        records.append(
            epoch(
                0.05, (error_a + error_b) / 2, epoch=t + 1, val_loss=(a + b) / 2, val_loss_a=a, val_loss_b=b,
                val_error_a=error_a, val_error_b=error_b,
            )
        )  # fmt: skip
    best = int(np.argmin([r.val_loss_a for r in records]))
    late = LatePair(
        best_epoch=best + 1,
        last_epoch=len(records),
        best_losses=tuple(per_image[best]["b"].tolist()),
        last_losses=tuple(per_image[-1]["b"].tolist()),
        best_errors=tuple(wrong[best]["b"].tolist()),
        last_errors=tuple(wrong[-1]["b"].tolist()),
    )
    return trial(dict(hyperparameters), *records, origin=origin, late=late)


KINDS = {
    "nothing, 12 seeds": partial(plant, configurations=1, seeds=12),
    "nothing, 4 seeds": partial(plant, configurations=1, seeds=4),
    "nothing, 6 configurations x 2 seeds": partial(plant, configurations=6, seeds=2, origin="sobol"),
    "nothing, 12 configurations": partial(plant, configurations=12, seeds=1, origin="sobol"),
    "nothing, 12 seeds, slow fluctuation": partial(plant, configurations=1, seeds=12, memory=0.6),
    "nothing, 8 seeds, large fluctuation": partial(plant, configurations=1, seeds=8, fluctuation=0.15),
    "the margin, 12 seeds": partial(plant, configurations=1, seeds=12, rise=RISE),
}
