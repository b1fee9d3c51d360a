"""From how many images on is a net from scratch as good as a fine-tuned one? Freezing x images x rate, with twins.

Command: ``fitscape run finetune``, after ``fitscape run pretrain`` and ``fitscape net pretrain --recommended``.
``--set base.model.weights=torchvision:ResNet18_Weights.IMAGENET1K_V1`` takes other weights.
Time: about 15 minutes on 2 cores; a day on one GPU at ``hours``.
Expected: on Fashion-MNIST weights of the other classes bring 2 points at 10 images per class and 1 at 1,000, which five
seeds do not decide. With the head alone the validation error is 11 to 13 points higher than with more stages tuned.
"""

from typing import Final

from fitscape.models.spec import ModelSpec
from fitscape.study.config import Choices, DataConfig, Optimization, SearchConfig, StudyConfig, TrialConfig
from fitscape.study.recipes.scale import Scale, data_at, dataset_at, steps_at

SEEDS = 5
WEIGHTS = "study:pretrain"
FREEZE = (0, 3, 5)  # stages of ResNet18: none, up to layer2, all but the head
RATES = (0.02, 0.1)
SHARES = (0.01, 0.05, 0.2, 1.0)  # of 1,000 images per class at ``minutes``
SHARES_OF_FEW = (0.1, 0.2, 0.4, 1.0)  # of about 115 digits per class
CLASSES: Final = {"digits": 10, "fashion_mnist": 10, "cifar10": 10, "svhn": 10, "cifar100": 100}


def recipe(scale: Scale, dataset: str | None, weights: str | None = None) -> StudyConfig:
    """Tuned nets on a grid; their twins from scratch are enqueued: the same images, rates, seeds and steps."""
    dataset = dataset_at(scale, dataset)
    shares = SHARES_OF_FEW if dataset == "digits" else SHARES
    scratch = tuple(
        {"weights": "none", "freeze": 0, "train_fraction": share, "lr": rate} for share in shares for rate in RATES
    )
    tuned = len(FREEZE) * len(shares) * len(RATES)
    return StudyConfig(
        name="finetune",
        recipe="finetune",
        description="Where a pretrained net pays, and how much of it to tune.",
        data=of_half(scale, dataset, 1),
        base=_trial(scale, dataset),
        space={
            "weights": Choices(choices=(weights or WEIGHTS,)),
            "freeze": Choices(choices=FREEZE),
            "train_fraction": Choices(choices=shares),
            "lr": Choices(choices=RATES),
        },
        enqueue=scratch,
        search=SearchConfig(sampler="grid", trials=SEEDS * (len(scratch) + tuned), seeds=SEEDS),
    )


def of_half(scale: Scale, dataset: str, half: int) -> DataConfig:
    """The first or the second half of the classes; all of a data set whose number of classes is not known here.

    5,000 images to train on and 1,000 to validate at ``minutes``: 1,000 per class of five classes.
    """
    data = data_at(scale, dataset)
    changed: dict[str, object] = {}
    if dataset in CLASSES:
        count = CLASSES[dataset]
        changed["classes"] = tuple(range(half * count // 2, (half + 1) * count // 2))
    if scale == "minutes" and dataset != "digits":
        changed |= {"limit": 6000, "validation_fraction": 1 / 6, "probe_size": 1000}
    return DataConfig(**{**data.model_dump(), **changed})


def _trial(scale: Scale, dataset: str) -> TrialConfig:
    if scale == "minutes":
        return TrialConfig(
            model=ModelSpec(width=0.25), optimization=Optimization(epochs=4, steps_per_epoch=27, batch_size=32)
        )
    epochs = 20 if scale == "hours" else 60
    return TrialConfig(optimization=Optimization(epochs=epochs, steps_per_epoch=steps_at(scale, dataset)))
