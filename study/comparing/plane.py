"""One plane of the common space through both maps, to be drawn side by side."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from fitscape.study.comparing.areas import numeric
from fitscape.study.comparing.common_space import CommonSpace
from fitscape.study.maps.advice import conditions
from fitscape.study.maps.encoding import Encoder, row_of
from fitscape.study.maps.importance import importance
from fitscape.study.opened import OpenStudy

SIDE: Final = 25  # grid points along an axis


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """``first`` and ``second``: [5, SIDE, SIDE] probabilities in the order of ``maps.decision.REGIMES``; rows go along
    y, from its low end."""

    x: str
    y: str
    axes: tuple[BaseDistribution, BaseDistribution]
    held: dict[str, Any]
    first: NDArray[np.float64]
    second: NDArray[np.float64]


def plane(first: OpenStudy, second: OpenStudy, common: CommonSpace) -> Plane | None:
    """Over the two numeric hyperparameters of the common space that matter most to the first study, the others where
    its nets are likeliest to be good. None where there are no two."""
    encoder = Encoder(common.space)
    axes = [str(name) for name in importance(first.map).index if name in encoder.names and numeric(encoder, str(name))]
    if len(axes) < 2:
        return None
    x, y = axes[:2]
    wanted = {name: value for name, value in conditions(first.map).items() if name in common.space}
    sample = common.points(512, first.config.base)
    sample = sample.assign(**{k: pd.Series([v] * len(sample), dtype=object) for k, v in wanted.items()})
    best = row_of(sample, int(first.map.predict(sample)["good"].to_numpy().argmax()))
    held = {name: value for name, value in best.items() if name not in (x, y)}
    mesh = np.meshgrid(encoder.grid(x, SIDE), encoder.grid(y, SIDE))
    points = pd.DataFrame({x: mesh[0].ravel(), y: mesh[1].ravel()})
    points = points.assign(**{k: pd.Series([v] * len(points), dtype=object) for k, v in held.items()})
    tau = first.config.regimes.tau
    grids = [
        study.map.probabilities(study.map.encoder.features(points), tau).T.reshape(-1, SIDE, SIDE)
        for study in (first, second)
    ]
    return Plane(x=x, y=y, axes=(common.space[x], common.space[y]), held=held, first=grids[0], second=grids[1])
