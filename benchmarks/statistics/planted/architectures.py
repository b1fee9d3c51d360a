"""Architectures that are alike on average, though each net has its own effect at each configuration."""

from functools import partial
from typing import Any, Final

import numpy as np
from scipy.special import expit

from benchmarks.statistics.planted.study import CHANCE, Planted, epoch, label, measured, moved, trial
from fitscape.study.records import ModelSize, TrialRecord, TrialState

NETS: Final = ("resnet18", "plain18", "densenet121")
EPOCHS: Final = 4
NOTHING: Final = {"validation error": 0.0, "stably": 0.0, "faster": 0.0, "as many": 0.0}


def _run(
    rng: np.random.Generator,
    hyperparameters: dict[str, Any],
    shift: float,
    *,
    stalls: bool,
    pace: float,
    size: float,
    origin: str,
) -> TrialRecord:
    """One run: ends at 20 % error moved by ``shift`` logits, gets there at its pace, or stalls."""
    size_now = ModelSize(parameters=round(size), flops=round(100 * size))
    seconds = float(np.exp(pace))
    if stalls:
        ends = [epoch(CHANCE, CHANCE, epoch=e, train_seconds=seconds) for e in range(1, EPOCHS + 1)]
        return trial(hyperparameters, *ends, origin=origin, size=size_now, state=TrialState.DIVERGED)
    end = measured(rng, 0.05, moved(0.2, shift), epoch=EPOCHS, train_seconds=seconds)
    fall = (CHANCE - end.val_error) / EPOCHS / seconds
    way = [
        epoch(0.3, CHANCE - min(fall * e, CHANCE - end.val_error), epoch=e, train_seconds=seconds) for e in (1, 2, 3)
    ]
    return trial(hyperparameters, *way, end, origin=origin, size=size_now)


def drawn(
    rng: np.random.Generator,
    *,
    configurations: int,
    seeds: int,
    paired: bool,
    own_sd: float = 0.3,
    seed_sd: float = 0.15,
    better: float = 0.0,
) -> Planted:
    """Configurations drawn from the space, the same ones for every net (``paired``) or each net's own.

    ``better``: logits by which the residual and the dense net err less.
    """
    trials, labels = [], {}
    shared = [_configuration(rng) for _ in range(configurations)]
    for net in NETS:
        for hyperparameters in shared if paired else [_configuration(rng) for _ in range(configurations)]:
            common = -0.4 * np.log2(hyperparameters["width"])
            own, risk, pace = rng.normal(0, own_sd), expit(rng.normal(-2, 1.5)), rng.normal(0, 0.3)
            for seed in range(seeds):
                one = _run(
                    rng,
                    {**hyperparameters, "architecture": net, "seed": seed},
                    common + own + rng.normal(0, seed_sd) - better * (net != "plain18"),
                    stalls=bool(rng.random() < risk),
                    pace=pace + rng.normal(0, 0.05),
                    size=1e6 * hyperparameters["width"] ** 2,
                    origin="sobol",
                )
                trials.append(one)
                labels[one.trial_id] = label(one, one.state is TrialState.DIVERGED)
    return Planted(trials, NOTHING if not better else {}, labels)


def _configuration(rng: np.random.Generator) -> dict[str, Any]:
    return {"width": float(0.25 * 4 ** rng.random()), "lr": float(0.01 * 30 ** rng.random())}


def grid(
    rng: np.random.Generator, *, seeds: int, own_sd: float = 0.3, seed_sd: float = 0.15, better: float = 0.0
) -> Planted:
    """The recipe's design: the same widths, rates and seeds for every net.

    Each net's own effects are those of the first one in another order among the rates of a width, so that of
    these very configurations every statement about "better" is false, unless ``better`` is given, as above.
    """
    widths, rates = (0.125, 0.1875, 0.25), (0.05, 0.2)
    effects = rng.normal([0, -2, 0], [own_sd, 1.0, 0.3], (len(widths), len(rates), 3))
    trials, labels = [], {}
    for net in NETS:
        for i, width in enumerate(widths):
            for (own, risk, pace), lr in zip(rng.permutation(effects[i]), rates, strict=True):
                for seed in range(seeds):
                    one = _run(
                        rng,
                        {"architecture": net, "width": width, "lr": lr, "seed": seed},
                        float(own - 0.4 * np.log2(width) + rng.normal(0, seed_sd) - better * (net != "plain18")),
                        stalls=bool(rng.random() < expit(risk)),
                        pace=float(pace + rng.normal(0, 0.05)),
                        size=1e6 * width**2,
                        origin="grid",
                    )
                    trials.append(one)
                    labels[one.trial_id] = label(one, one.state is TrialState.DIVERGED)
    return Planted(trials, NOTHING if not better else {}, labels)


KINDS = {
    "12 shared configurations x 3 seeds": partial(drawn, configurations=12, seeds=3, paired=True),
    "6 shared configurations x 5 seeds": partial(drawn, configurations=6, seeds=5, paired=True),
    "16 shared configurations": partial(drawn, configurations=16, seeds=1, paired=True),
    "12 own configurations x 3 seeds": partial(drawn, configurations=12, seeds=3, paired=False),
    "16 own configurations": partial(drawn, configurations=16, seeds=1, paired=False),
    "grid x 5 seeds": partial(grid, seeds=5),
    "grid x 3 seeds": partial(grid, seeds=3),
}
