"""The search space of a study as Optuna distributions, and the point of a trial in it."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from fitscape import search_spaces
from fitscape.study.config import Choices, Hyperparameter, Range, StudyConfig, TrialConfig
from fitscape.study.errors import UserError

INTEGER_HYPERPARAMETERS = frozenset({"depth", "growth_rate", "batch_size", "epochs", "steps_per_epoch", "seed"})

Space = dict[str, BaseDistribution]
Point = dict[str, Any]


def resolve(config: StudyConfig) -> Space:
    """The study's space, in a fixed order of hyperparameters.

    Raises:
        UserError: no search space has that name.
    """
    if isinstance(config.space, str):
        if config.space not in search_spaces.names():
            names = ", ".join(search_spaces.names())
            raise UserError(f"no search space '{config.space}'", where="space", mend=f"choose {names}")
        return search_spaces.get(config.space)
    return {name: distribution(name, hyperparameter) for name, hyperparameter in config.space.items()}


def distribution(name: str, hyperparameter: Hyperparameter) -> BaseDistribution:
    """One hyperparameter of a config as an Optuna distribution."""
    if isinstance(hyperparameter, Choices):
        return CategoricalDistribution(list(hyperparameter.choices))
    if name in INTEGER_HYPERPARAMETERS:
        return IntDistribution(
            int(hyperparameter.low),
            int(hyperparameter.high),
            log=hyperparameter.log,
            step=int(hyperparameter.step or 1),
        )
    return FloatDistribution(hyperparameter.low, hyperparameter.high, log=hyperparameter.log, step=hyperparameter.step)


def hyperparameters(space: Space) -> dict[str, Hyperparameter]:
    """The inverse of ``distribution``: what a frozen config writes down for a named space."""
    return {name: _hyperparameter(d) for name, d in space.items()}


def _hyperparameter(d: BaseDistribution) -> Hyperparameter:
    if isinstance(d, CategoricalDistribution):
        return Choices(choices=d.choices)
    low, high = _bounds(d)
    assert isinstance(d, FloatDistribution | IntDistribution)
    step = None if d.log or (isinstance(d, IntDistribution) and d.step == 1) else d.step
    return Range(low=low, high=high, log=d.log, step=step)


def point_of(config: TrialConfig, space: Space) -> Point | None:
    """Where a trial lies in the space; None where a value is not one of its hyperparameter's."""
    flat = {**config.flat(), "architecture": config.model.name}
    point = {name: flat[name] for name in space}
    return point if all(holds(d, point[name]) for name, d in space.items()) else None


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a value can be drawn from a distribution: one off the grid of a step cannot."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return value is not None and distribution._contains(value)


def _bounds(d: BaseDistribution) -> tuple[float, float]:
    assert isinstance(d, FloatDistribution | IntDistribution)
    return d.low, d.high
