"""Batches of one image, which batch norm cannot train on where its maps are 1x1: refused before a study starts."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.errors import UserError
from fitscape.study.search.space import Space

SHAPING = ("architecture", "family", "depth", "norm", "stem")  # what decides whether a batch norm sees maps of 1x1
FIX = "use batches of 2 images or more, norm: group, or larger images"


def require_more_than_one_image(config: StudyConfig, space: Space, data: TrialData) -> None:
    """Look at the smallest batches of the study.

    Raises:
        UserError: a trial would put one image a batch through batch norm on 1x1 maps.
    """
    seen = set()
    for trial in smallest_trials(config, space):
        images = max(1, round(trial.data.train_fraction * len(data.train_images)))
        if min(trial.optimization.batch_size, images) > 1 or (trial.model, trial.data.image_size) in seen:
            continue
        seen.add((trial.model, trial.data.image_size))
        if _single_values(trial, data):
            one = images == 1
            height, width = trial.data.shape_of(data.input_shape)[1:]
            raise UserError(
                f"gives batch norm one image at a time, and its last maps are 1x1 in {trial.model.name} on "
                f"{height}x{width} images",
                where="train_fraction" if one else "batch_size",
                fix=FIX,
            )


def smallest_trials(config: StudyConfig, space: Space) -> Iterator[TrialConfig]:
    """The enqueued trials, and each network of the space with its smallest batch on the least data."""
    choices: dict[str, tuple[Any, ...]] = {
        name: d.choices for name, d in space.items() if name in SHAPING and isinstance(d, CategoricalDistribution)
    }
    for name in ("batch_size", "train_fraction", "image_size"):
        if name in space:
            choices[name] = (_least(space[name]),)
    corners = (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
    for point in (*config.enqueue, *corners):
        try:
            yield config.base.with_hyperparameters(dict(point))
        except ValueError:  # two hyperparameters contradict each other in this corner
            continue


def _least(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return min(value for value in distribution.choices if isinstance(value, int | float))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low


def _single_values(trial: TrialConfig, data: TrialData) -> bool:
    if trial.model.own:  # whose code this process does not run: its trial says so
        return False
    import torch

    from fitscape.models.build import blueprint
    from fitscape.models.norm import normalizes_single_values

    shape = trial.data.shape_of(data.input_shape)
    try:
        model = blueprint(trial.model, shape, len(data.classes))
    except ValueError:  # no such net for images of this size: its trial will fail, and say so, at once
        return False
    return normalizes_single_values(model, torch.empty(1, *shape, device="meta"))
