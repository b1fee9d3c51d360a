"""ResNet18, DenseNet121 and their plain twin at equal tuning budgets: error, size, speed, stability.

Command: ``fitscape run architectures``
Time: about 5 minutes on 2 cores; a day on one GPU at ``hours``; ``paper`` trains the published widths on CIFAR-10 with
the schedule of He et al. 2015, section 4.2.
Expected: with the whole budget spent ResNet18 and DenseNet121 near 5 % validation error and plain-18 five points above;
DenseNet121 level with ResNet18 at equal parameters and slower in seconds; no run unstable at these rates.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataCondition, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 5


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """The same widths, learning rates and seeds for every architecture, so that all can be compared in pairs."""
    dataset = dataset_at(scale, dataset)
    nets, widths, rates = _grid(scale)
    return StudyConfig(
        name="architectures",
        recipe="architectures",
        description="ResNet18, DenseNet121 and plain nets, each with the same budget of configurations and seeds.",
        data=data_at(scale, dataset),
        base=_trial(scale, dataset),
        space={
            "architecture": Choices(choices=nets),
            "width": Choices(choices=widths),
            "lr": Choices(choices=rates),
        },
        search=SearchConfig(sampler="grid", trials=SEEDS * len(nets) * len(widths) * len(rates), seeds=SEEDS),
    )


def _grid(scale: Scale) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Architectures, widths (three sizes at least, for error against parameters) and learning rates."""
    if scale == "minutes":
        return ("resnet18", "plain18", "densenet121"), (0.125, 0.1875, 0.25), (0.05, 0.2)
    nets = ("resnet18", "plain18", "resnet34", "plain34", "densenet121")
    return (nets, (0.25, 0.5, 1.0), (0.03, 0.1, 0.3)) if scale == "hours" else (nets, (0.5, 0.7, 1.0), (0.1,))


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    if scale == "paper":
        return TrialConfig(
            data=DataCondition(augment="crop_flip"),
            optimization=Optimization(epochs=160, steps_per_epoch=400, schedule="step"),
        )
    if scale == "hours":
        return TrialConfig(optimization=Optimization(epochs=20, steps_per_epoch=steps_at(scale, dataset)))
    steps = 9 if dataset == "digits" else 16
    return TrialConfig(
        model=ModelSpec(width=0.25), optimization=Optimization(epochs=5, steps_per_epoch=steps, batch_size=64)
    )
