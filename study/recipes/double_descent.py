"""Does validation error peak at the width that just interpolates? ResNet18 of many widths, true and noisy labels.

Command: ``fitscape run double_descent``
Time: about 4 minutes on 2 cores; a day on one GPU at ``hours``; ``paper`` is Nakkiran et al. 2019, figure 1 (Adam at
1e-4, 4,000 epochs, CIFAR-10), and takes weeks.
Expected: validation error falls with width throughout, from 16 to 4 % with true labels and from 31 to 16 % with a fifth
of them redrawn. On few images the interpolation threshold lies at the narrowest nets: the finding says that there
is no peak.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataCondition, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 5
# First channels k = 64 x width: 4 to 16 at ``minutes``, 4 to 64 otherwise. Each net has [k, 2k, 4k, 8k].
SMALL_WIDTHS = (0.0625, 0.09375, 0.125, 0.1875, 0.25)
WIDTHS = (0.0625, 0.09375, 0.125, 0.15625, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0)


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Width x label noise over shared seeds, at a constant learning rate and without weight decay."""
    dataset = dataset_at(scale, dataset)
    small = scale == "minutes"
    widths, noise = (SMALL_WIDTHS, (0.0, 0.2)) if small else (WIDTHS, (0.0, 0.1, 0.2))
    return StudyConfig(
        name="double_descent",
        recipe="double_descent",
        description="Validation error against width, where nets begin to fit noisy labels and beyond.",
        data=data_at(scale, dataset),
        base=_trial(scale, dataset),
        space={"width": Choices(choices=widths), "label_noise": Choices(choices=noise)},
        search=SearchConfig(sampler="grid", trials=SEEDS * len(widths) * len(noise), seeds=SEEDS),
    )


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    length = {"minutes": (3, 90), "hours": (100, steps_at(scale, dataset)), "paper": (4000, None)}
    epochs, steps = length[scale]
    return TrialConfig(
        model=ModelSpec(width=0.25),
        data=DataCondition(augment="crop_flip" if scale == "paper" else "none"),
        optimization=Optimization(
            optimizer="adamw",
            lr=1e-4 if scale == "paper" else 1e-3,
            weight_decay=0.0,
            epochs=epochs,
            steps_per_epoch=steps,
            batch_size=64 if scale == "minutes" else 128,
            schedule="constant",
        ),
    )
