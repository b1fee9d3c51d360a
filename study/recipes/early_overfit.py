"""Does training to the end cost anything? The last epoch against the best one, with true and with noisy labels.

Command: ``fitscape run early_overfit``
Time: about 5 minutes on 2 cores; two hours on one GPU at ``hours``; ``paper`` is Nakkiran et al. 2019's long training
of ResNet18 on CIFAR-10.
Expected: with a fifth of the labels redrawn, validation loss ends about 60 % and validation error 7 to 10 points above
their best; with true labels the error does not rise by more than the seeds' spread.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataCondition, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 12  # with 6, a rise of a tenth of the loss stayed undecided
NETS = ("resnet18", "plain18")
NOISE = (0.0, 0.2)


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Long training at a constant learning rate: a schedule would end it where it suits."""
    dataset = dataset_at(scale, dataset)
    return StudyConfig(
        name="early_overfit",
        recipe="early_overfit",
        description="Is the last epoch worse than the best one, in loss and in error?",
        data=data_at(scale, dataset),
        base=_trial(scale, dataset),
        space={"architecture": Choices(choices=NETS), "label_noise": Choices(choices=NOISE)},
        search=SearchConfig(sampler="grid", trials=SEEDS * len(NETS) * len(NOISE), seeds=SEEDS),
    )


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    if scale == "minutes":
        return TrialConfig(
            model=ModelSpec(width=0.125),
            data=DataCondition(train_fraction=0.5 if dataset == "digits" else 0.2),
            optimization=Optimization(epochs=20, steps_per_epoch=18, batch_size=64, lr=0.05, schedule="constant"),
        )
    if scale == "hours":
        steps = steps_at(scale, dataset)
        return TrialConfig(optimization=Optimization(epochs=100, steps_per_epoch=steps, lr=0.05, schedule="constant"))
    return TrialConfig(
        data=DataCondition(augment="crop_flip"),
        optimization=Optimization(optimizer="adamw", epochs=1000, lr=1e-4, weight_decay=0.0, schedule="constant"),
    )
