"""The search space of a study as Optuna distributions, and the point of a trial in it."""

from decimal import Decimal
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

ROUNDING = 1e-9  # relative; binary arithmetic on steps errs by 1e-16 a step
INTEGER_HYPERPARAMETERS = frozenset(
    {"depth", "growth_rate", "batch_size", "epochs", "steps_per_epoch", "freeze", "image_size", "seed"}
)

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
            raise UserError(f"no search space '{config.space}'", where="space", fix=f"choose {names}")
        return search_spaces.get(config.space)
    return {name: distribution(name, hyperparameter, config.base) for name, hyperparameter in config.space.items()}


def distribution(name: str, hyperparameter: Hyperparameter, base: TrialConfig | None = None) -> BaseDistribution:
    """One hyperparameter of a config as an Optuna distribution; ``base`` knows the hyperparameters of others."""
    if isinstance(hyperparameter, Choices):
        return CategoricalDistribution(list(hyperparameter.choices))
    if hyperparameter.step is not None:  # Optuna would say that the range ends before its high, as it does
        last = (_decimal(hyperparameter.high) - _decimal(hyperparameter.low)) // _decimal(hyperparameter.step)
        high = float(_decimal(hyperparameter.low) + last * _decimal(hyperparameter.step))
        hyperparameter = hyperparameter.model_copy(update={"high": high})
    if _is_whole(name, base):
        return IntDistribution(
            int(hyperparameter.low),
            int(hyperparameter.high),
            log=hyperparameter.log,
            step=int(hyperparameter.step or 1),
        )
    return FloatDistribution(hyperparameter.low, hyperparameter.high, log=hyperparameter.log, step=hyperparameter.step)


def _is_whole(name: str, base: TrialConfig | None) -> bool:
    theirs = {**base.model.keywords, **base.theirs} if base else {}
    return type(theirs[name]) is int if name in theirs else name in INTEGER_HYPERPARAMETERS


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


def snapped(value: Any, d: BaseDistribution) -> Any:
    """A value within rounding of a stepped range's grid as the grid has it, else the value as it is.

    In decimal, as the range was written: 0 + 3 * 0.2 is 0.6, where binary arithmetic makes 0.6000000000000001 of it.
    """
    if not isinstance(d, FloatDistribution) or d.step is None or isinstance(value, bool | str) or value is None:
        return value
    index = round((value - d.low) / d.step)
    near = grid_value(d, index)
    return near if 0 <= index < grid_size(d) and abs(value - near) <= ROUNDING * max(1.0, abs(near)) else value


def grid_value(d: FloatDistribution | IntDistribution, index: int) -> float | int:
    """Value number ``index``, from 0, of a stepped range."""
    value = _decimal(d.low) + index * _decimal(d.step)
    return int(value) if isinstance(d, IntDistribution) else float(value)


def grid_size(d: FloatDistribution | IntDistribution) -> int:
    """How many values a stepped range has, both ends included where the steps meet them."""
    return int((_decimal(d.high) - _decimal(d.low)) / _decimal(d.step)) + 1


def _decimal(value: float | int | None) -> Decimal:
    return Decimal(repr(value))


def point_of(config: TrialConfig, space: Space) -> Point | None:
    """Where a trial lies in the space; None where a value is not one of its hyperparameter's.

    Of a stepped range a value is snapped to the grid: ledgers of 0.1.0 hold 0.6000000000000001 for 0.6.
    """
    flat = {"architecture": config.model.name, **config.flattened}
    point = {name: snapped(flat.get(name), d) for name, d in space.items()}
    return point if all(holds(d, point[name]) for name, d in space.items()) else None


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a value can be drawn from a distribution: one off the grid of a step cannot."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and bool(distribution._contains(value))


def _bounds(d: BaseDistribution) -> tuple[float, float]:
    assert isinstance(d, FloatDistribution | IntDistribution)
    return d.low, d.high
