"""How much data and how many steps a recipe takes at each scale."""

from typing import Literal

from fitscape.study.config import DataConfig

Scale = Literal["minutes", "hours", "paper"]


def dataset_at(scale: Scale, dataset: str | None) -> str:
    """The data set that was asked for. By default digits, which need no download, where a study is to take minutes.

    A card is idle beside 8x8 digits: the longer scales are for CIFAR-10, which the published results are of.
    """
    return dataset or ("digits" if scale == "minutes" else "cifar10")


def data_at(scale: Scale, dataset: str) -> DataConfig:
    """The data of a recipe: small and few at ``minutes``, the whole set otherwise.

    Digits are small as they are. Anything else is brought to 14x14 and 6,000 images at ``minutes``, which two cores
    train in seconds per trial and where degradation and overfitting already show; 2,400 of them are validation: with
    1,200 the error of the reference alone was known no better than the regimes are wide (docs/LOG.md). At ``paper``
    a tenth is validation: 5,000 of CIFAR-10's 50,000, as in He et al. 2015, section 4.2.

    Your own photos are not made so small that nothing is left to see on them: 1,500 of them become 32x32.
    """
    if scale == "paper":
        return DataConfig(dataset=dataset, validation_fraction=0.1)
    if scale == "minutes" and of_your_own(dataset):
        return DataConfig(dataset=dataset, image_size=32, limit=1500, validation_fraction=0.4)
    if scale == "minutes" and dataset != "digits":
        return DataConfig(dataset=dataset, image_size=14, limit=6000, validation_fraction=0.4)
    return DataConfig(dataset=dataset)


def of_your_own(dataset: str) -> bool:
    """Whether a data set is named by a path: the user's own images, of any size and kind."""
    return dataset.startswith(("folder:", "csv:", "hf:", "upload:"))


def steps_at(scale: Scale, dataset: str) -> int:
    """Optimizer steps between two evaluations.

    Given in steps, not passes, so that a trial on a tenth of the data trains as long as one on all of it: otherwise
    the train fraction would be confounded with the length of training.
    """
    if scale == "minutes":
        return 9 if dataset == "digits" else 24
    return 18 if dataset == "digits" else 375
