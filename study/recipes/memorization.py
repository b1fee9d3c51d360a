"""Random labels: nets learn them by heart, and what regularization changes about it.

Command: ``fitscape run memorization``
Time: about 4 minutes on 2 cores; a few hours on one GPU at ``hours``; ``paper`` is Zhang et al. 2017, table 1, with
ResNet18 in place of their small Inception.
Expected: with every label drawn at random, training error below 0.05 and validation error near 0.9 (chance), with and
without weight decay (with dropout as well 0.12 after 240 steps); with true labels validation error below 0.06.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataCondition, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 5
NOISE = (0.0, 0.25, 0.5, 0.75, 1.0)  # share of the training labels drawn at random
DECAYS = (0.0, 1e-3)
DROPOUT = tuple({"label_noise": noise, "weight_decay": DECAYS[-1], "dropout": 0.3} for noise in (0.0, 1.0))


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Label noise x weight decay; at both ends of the noise dropout on top of it."""
    dataset = dataset_at(scale, dataset)
    return StudyConfig(
        name="memorization",
        recipe="memorization",
        description="How well nets fit labels that mean nothing, and what that says about their fit to true ones.",
        data=data_at(scale, dataset),
        base=_trial(scale, dataset),
        space={"label_noise": Choices(choices=NOISE), "weight_decay": Choices(choices=DECAYS)},
        enqueue=DROPOUT,
        search=SearchConfig(sampler="grid", trials=SEEDS * (len(DROPOUT) + len(NOISE) * len(DECAYS)), seeds=SEEDS),
    )


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    if scale == "minutes":
        # Half of the digits, a fifth of other data sets: about 575 images, which two cores learn by heart in seconds.
        return TrialConfig(
            model=ModelSpec(width=0.125),
            data=DataCondition(train_fraction=0.5 if dataset == "digits" else 0.2),
            optimization=Optimization(epochs=6, steps_per_epoch=40, batch_size=64),
        )
    epochs, steps = (60, steps_at(scale, dataset)) if scale == "hours" else (160, 400)
    return TrialConfig(optimization=Optimization(epochs=epochs, steps_per_epoch=steps))
