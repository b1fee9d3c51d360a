"""The part of the space that two studies share, and where each stands in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from fitscape.study.maps.encoding import Encoder
from fitscape.study.opened import OpenStudy
from fitscape.study.search.space import Space, holds


@dataclass(frozen=True)
class CommonSpace:
    """``held``: hyperparameters that one study searches and the other one does not, at the value of the latter."""

    space: Space
    held: Mapping[str, Any]

    def points(self, count: int, base: Any) -> pd.DataFrame:
        """A Sobol sample of the points that can be trained."""
        encoder = Encoder(self.space)
        frame = self.completed(encoder.from_unit(encoder.sobol(count, 0)))
        possible = [_possible(base, {str(k): v for k, v in row.items()}) for row in frame.to_dict("records")]
        return frame[possible].reset_index(drop=True) if any(possible) else frame

    def completed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With columns of what is held."""
        return frame.assign(**{k: pd.Series([v] * len(frame), dtype=object) for k, v in self.held.items()})


def common_space(first: OpenStudy, second: OpenStudy) -> CommonSpace | str:
    """The common part, or why there is none."""
    space: Space = {}
    held: dict[str, Any] = {}
    for name in dict.fromkeys([*first.space, *second.space]):
        one, other = first.space.get(name), second.space.get(name)
        if one is not None and other is not None:
            shared = _intersection(one, other)
            if shared is None:
                return f"the ranges of {name} do not meet"
            space[name] = shared
            continue
        searched, fixed = (one, second) if one is not None else (other, first)
        assert searched is not None
        value = {"architecture": fixed.config.base.model.name, **fixed.config.base.flat()}.get(name)
        if not holds(searched, value):
            return f"one study searches {name}, and the other one holds it at {value}, which is outside that range"
        held[name] = value
    if not any(not d.single() for d in space.values()):
        return "they search no hyperparameter in common"
    return CommonSpace(space, held)


def _intersection(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution | None:
    for a, b in ((one, other), (other, one)):
        if isinstance(a, CategoricalDistribution):
            choices = [c for c in a.choices if holds(b, c)]
            return CategoricalDistribution(choices) if choices else None
    assert isinstance(one, FloatDistribution | IntDistribution)
    assert isinstance(other, FloatDistribution | IntDistribution)
    low, high, log = max(one.low, other.low), min(one.high, other.high), one.log or other.log
    if low > high:
        return None
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _possible(base: Any, point: dict[str, Any]) -> bool:
    try:
        base.with_hyperparameters(point)
    except ValueError:
        return False
    return True
