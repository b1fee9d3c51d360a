"""How long a trial takes compared with another one, before it has run."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.search.space import Space

GROWING = ("width", "growth_rate", "depth", "batch_size")  # hyperparameters that make a step dearer
WIDTH = 0.25  # a narrow net is counted quickly; convolutions grow with the square of the width


def relative_cost(config: TrialConfig, images: int, input_shape: tuple[int, int, int], classes: int) -> float:
    """Floating-point operations of the whole trial, up to a factor common to all trials of a study.

    Args:
        config: the trial.
        images: in the training split.
        input_shape: (C, H, W) of one image.
        classes: number of classes.
    """
    optimization = config.optimization
    if optimization.steps_per_epoch is None:
        seen = images * config.data.train_fraction
    else:
        seen = optimization.steps_per_epoch * optimization.batch_size
    return seen * optimization.epochs * _flops(config.model, input_shape, classes)


def _flops(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> float:
    if spec.timm:  # of one width
        return _narrow_flops(spec, input_shape, classes)
    return _narrow_flops(replace(spec, width=WIDTH), input_shape, classes) * (spec.width / WIDTH) ** 2


@lru_cache(maxsize=256)
def _narrow_flops(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> int:
    from fitscape.models.size import measure

    try:
        return measure(replace(spec, init="he", dropout=0.0), input_shape, classes)[1]
    except ValueError:  # no such net for images of this size: its trial will fail, and say so, at once
        return 0


def costliest(
    config: StudyConfig, space: Space, others: Iterable[TrialConfig], input_shape: tuple[int, int, int], classes: int
) -> TrialConfig:
    """The trial with most operations a step among the corners of the space, its enqueued points and ``others``.

    It stands for the study where something is measured once: precision and layout, memory on a card.

    Raises:
        UserError: none of them can be built for these images.
    """
    largest = {name: _largest(space[name]) for name in GROWING if name in space}
    architectures = getattr(space.get("architecture"), "choices", ())
    corners = [{**largest, "architecture": name} for name in architectures] or [largest]
    candidates = [config.base, *others]
    for point in (*config.enqueue, *corners):
        try:
            candidates.append(config.base.with_hyperparameters(dict(point)))
        except ValueError:  # two hyperparameters contradict each other in this corner
            continue
    found = max(candidates, key=lambda c: c.optimization.batch_size * _flops(c.model, input_shape, classes))
    _require_buildable(found, input_shape, classes)
    return found


def _require_buildable(trial: TrialConfig, input_shape: tuple[int, int, int], classes: int) -> None:
    from fitscape.models.size import measure

    try:
        measure(trial.model, input_shape, classes)
    except ValueError as error:
        raise UserError(str(error).removeprefix("input_shape: "), where="base.model") from error


def _largest(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return max(value for value in distribution.choices if isinstance(value, int | float))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.high
