"""A first look on scikit-learn's digits: three families, their regimes, and the degradation of plain-56.

Command: ``fitscape run quickstart``
Time: about 2 minutes on 2 cores.
Expected: training error of plain-56 above 0.5, of plain-20 and ResNet-20/56 below 0.02 (three paired seeds); trials
with little data overfit, strong weight decay underfits, ResNet18 with all data and little decay fits well.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

DEGRADATION = ("plain20", "plain56", "resnet20", "resnet56")


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Twelve trials of the depth question, then a Sobol design over family, width and train fraction."""
    dataset = dataset_at(scale, dataset)
    epochs, width = (12, 0.5) if scale == "minutes" else (30, 1.0)
    steps = steps_at(scale, dataset)
    return StudyConfig(
        name="quickstart",
        recipe="quickstart",
        description="Three families on a small data set: where they fit, and what depth without shortcuts costs.",
        data=data_at(scale, dataset),
        base=TrialConfig(
            model=ModelSpec(width=width),
            optimization=Optimization(lr=0.1, epochs=epochs, steps_per_epoch=steps, schedule="one_cycle"),
        ),
        space="quick",
        enqueue=tuple({"architecture": name, "seed": seed} for name in DEGRADATION for seed in range(3)),
        search=SearchConfig(sampler="sobol", trials=36),
    )
