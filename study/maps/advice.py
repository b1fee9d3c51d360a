"""What a map advises: the point likeliest to be good, and what moving one hyperparameter from there would do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.config import TrialConfig
from fitscape.study.maps.encoding import row_of
from fitscape.study.maps.regime_map import RegimeMap

TIED: Final = 0.01  # probabilities of good this close are equal; the lower expected error decides
LEAST_FALL: Final = float(np.log(1.05))  # of the logit error, for a change that helps: odds 5 % lower
AVERAGED: Final = 64  # points of the space over which a change is averaged
FACTORS: Final = {"train_fraction": 2.0, "width": 2.0, "weight_decay": 10.0}
LEAST_MOVE: Final = 0.4  # of a full move; shorter ones, cut off by the end of the space, are not worth the name
CONDITIONS: Final = {"train_fraction": "high", "label_noise": "low"}  # not chosen: all images, labels as they are


@dataclass(frozen=True, kw_only=True)
class AdvisedChange:
    """One hyperparameter moved, the others held."""

    hyperparameter: str
    before: float
    after: float
    good_before: float  # probability of the regime good
    good_after: float
    error_before: float  # expected (median) validation error
    error_after: float
    lowers: float  # probability that, averaged over the space, the odds of an error fall by ``LEAST_FALL``


def forecast(fitted: RegimeMap, points: pd.DataFrame, *, chosen: bool = False) -> pd.DataFrame:
    """:meth:`RegimeMap.predict` with ``low`` and ``high``, the 90 % interval of the expected validation error.

    Args:
        chosen: as for :meth:`RegimeMap.error_interval`.
    """
    interval = fitted.error_interval(points, chosen=chosen)
    table = fitted.predict(points)
    return table.assign(val_error=interval["median"], low=interval["low"], high=interval["high"])


def conditions(fitted: RegimeMap) -> dict[str, Any]:
    """Where the hyperparameters stand that describe the data: all of the images, the least label noise."""
    found = {}
    for name, end in CONDITIONS.items():
        distribution = fitted.encoder.space.get(name)
        if isinstance(distribution, CategoricalDistribution):
            numbers = [c for c in distribution.choices if isinstance(c, int | float)]
            found[name] = max(numbers) if end == "high" else min(numbers)
        elif isinstance(distribution, FloatDistribution | IntDistribution):
            found[name] = distribution.high if end == "high" else distribution.low
    return found


def best_point(
    fitted: RegimeMap,
    held: Mapping[str, Any],
    *,
    points: int = 1024,
    possible: Callable[[Mapping[str, Any]], bool] = lambda point: True,
) -> dict[str, Any]:
    """Of a Sobol sample of the space, the point likeliest to be good; hyperparameters in ``held`` keep their value.

    Args:
        possible: whether a point can be trained; points that cannot are left out, unless none can.
    """
    frame = fitted.encoder.from_unit(fitted.encoder.sobol(points, fitted.seed))
    frame = frame.assign(**{name: pd.Series([value] * len(frame), dtype=object) for name, value in held.items()})
    table = fitted.predict(frame)
    good, error = table["good"].to_numpy(), table["val_error"].to_numpy()
    tied: list[int] = []
    for row in np.argsort(-good, kind="stable"):  # whether a point can be trained is dear to know: only of the best
        if tied and good[row] < good[tied[0]] - TIED:
            break
        if possible(row_of(frame, int(row))):
            tied.append(int(row))
    tied = sorted(tied) or [int(row) for row in np.flatnonzero(good >= good.max() - TIED)]
    return row_of(frame, tied[int(np.nanargmin(error[tied]))])


def recommended(fitted: RegimeMap, base: TrialConfig) -> dict[str, Any]:
    """The point that a study recommends: likeliest to be good with all of the images and the least label noise.

    Args:
        base: the study's; a point that is no trial of it is left out, as a depth that a family does not have.
    """
    return best_point(fitted, conditions(fitted), possible=lambda point: is_trial(base, point))


def is_trial(base: TrialConfig, point: Mapping[str, Any]) -> bool:
    """Whether a point of the space is a trial: a family does not take every depth, for one."""
    try:
        base.with_hyperparameters(dict(point))
    except ValueError:
        return False
    return True


def steps(fitted: RegimeMap, point: Mapping[str, Any], *, draws: int = 480) -> list[AdvisedChange]:
    """Each numeric hyperparameter moved up and down from a point, as far as the space goes, surest gain first.

    The point is one that was chosen for its low error. Data and width move by the factor 2, weight decay by 10, other
    hyperparameters by a quarter of their range. What a move does to the error is given at the point; whether it helps,
    of its average over the rest of the space, because a chosen point flatters every move towards it.
    """
    moved = [(name, value) for name in fitted.encoder.names for value in _moves(fitted, name, point[name])]
    if not moved:
        return []
    points = pd.DataFrame([dict(point), *({**point, name: value} for name, value in moved)])
    table = forecast(fitted, points, chosen=True)
    found = [
        AdvisedChange(
            hyperparameter=name,
            before=float(point[name]),
            after=float(value),
            good_before=float(table["good"].iloc[0]),
            good_after=float(table["good"].iloc[i]),
            error_before=float(table["val_error"].iloc[0]),
            error_after=float(table["val_error"].iloc[i]),
            lowers=_lowers(fitted, name, point[name], value, draws),
        )
        for i, (name, value) in enumerate(moved, start=1)
    ]
    return sorted(found, key=lambda s: -s.lowers)


def _lowers(fitted: RegimeMap, name: str, before: Any, after: Any, draws: int) -> float:
    """Share of joint draws in which the move's average over the space is a fall of ``LEAST_FALL`` or more."""
    space = fitted.encoder.from_unit(fitted.encoder.sobol(AVERAGED, fitted.seed))
    first, then = (fitted.encoder.features(space.assign(**{name: value})) for value in (before, after))
    falls = fitted.posterior.mean_fall(first, then, draws)
    return float((falls >= LEAST_FALL).mean())


def _moves(fitted: RegimeMap, name: str, value: Any) -> list[float]:
    distribution = fitted.encoder.space[name]
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return []
    low, high, whole = float(distribution.low), float(distribution.high), isinstance(distribution, IntDistribution)

    def size(v: float) -> float:
        return abs(float(np.log(v / value))) if distribution.log else abs(v - value)

    factor, quarter = FACTORS.get(name, (high / low) ** 0.25 if low > 0 else 1.0), (high - low) / 4
    wanted = [value / factor, value * factor] if distribution.log else [value - quarter, value + quarter]
    clipped = [(v, float(np.clip(round(v) if whole else v, low, high))) for v in wanted]
    return [v for full, v in clipped if size(v) > LEAST_MOVE * size(full)]
