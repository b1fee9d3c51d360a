"""How much data a recipe takes at each scale."""

from typing import Literal

from study.config import DataConfig

Scale = Literal["minutes", "hours", "paper"]


def data_at(scale: Scale, dataset: str) -> DataConfig:
    """The data of a recipe: small and few at ``minutes``, the whole set otherwise.

    Digits are small as they are. Anything else is brought to 14x14 and at most 8,000 images at ``minutes``, which
    two cores train in seconds a trial and where degradation and overfitting already show.
    """
    if scale == "minutes" and dataset != "digits":
        return DataConfig(dataset=dataset, image_size=14, limit=8000)
    return DataConfig(dataset=dataset)
