"""A net to fine-tune: ResNet18 on the first half of a data set's classes, for `finetune` on the other half.

Command: ``fitscape run pretrain``, then ``fitscape net pretrain --recommended``
Time: about a minute on 2 cores.
Expected: on Fashion-MNIST at 14x14 each of the four ends at 0.11 validation error.
"""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.finetune import of_half
from fitscape.study.recipes.scale import Scale, dataset_at, steps_at

RATES = (0.05, 0.1)
DECAYS = (5e-4, 5e-3)


def recipe(scale: Scale, dataset: str | None) -> StudyConfig:
    """Learning rate x weight decay: four trials, of which the best gives the weights."""
    dataset = dataset_at(scale, dataset)
    small = scale == "minutes"
    return StudyConfig(
        name="pretrain",
        recipe="pretrain",
        description="A net for the recipe finetune, trained on the first half of the classes.",
        data=of_half(scale, dataset, 0),
        base=TrialConfig(
            model=ModelSpec(width=0.25 if small else 1.0),
            optimization=Optimization(
                epochs=8 if small else 30, steps_per_epoch=steps_at(scale, dataset), batch_size=64 if small else 128
            ),
        ),
        space={"lr": Choices(choices=RATES), "weight_decay": Choices(choices=DECAYS)},
        search=SearchConfig(sampler="grid", trials=len(RATES) * len(DECAYS)),
    )
