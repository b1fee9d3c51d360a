"""Where the regime changed from one study to another, with a probability that holds for the whole area at once."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fitscape.study.comparing.common_space import CommonSpace
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.decision import REGIMES
from fitscape.study.maps.encoding import Encoder
from fitscape.study.opened import OpenStudy

POINTS: Final = 256
DRAWS: Final = 400
PAIRINGS: Final = 3  # of the draws of one map with those of the other: they are independent
SHORTER: Final = 0.75  # share of a hyperparameter's range below which an area is said to lie in a part of it

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Part of the common space whose likeliest regime changed."""

    before: str
    after: str
    share: float  # of the common space
    where: dict[str, tuple[Any, ...]]  # hyperparameter -> its ends there, or its values


@dataclass(frozen=True, kw_only=True)
class Areas:
    """``found`` hold all together with probability ``level`` (an excursion set: Bolin and Lindgren 2015,
    J. R. Statist. Soc. B 77). ``shares``: a row per regime, columns ``first``, ``second`` (share of the common space)
    and ``low``, ``high`` (90 % interval of second less first)."""

    found: list[Area]
    level: float
    shares: pd.DataFrame
    held: dict[str, Any]

    @property
    def changed(self) -> float:
        """Share of the common space that surely changed."""
        return sum(area.share for area in self.found)


def areas(first: OpenStudy, second: OpenStudy, common: CommonSpace, level: float) -> Areas:
    """Of studies that have a map. Both are judged at the tau of the first one, each against its own best error."""
    points = common.points(POINTS, first.config.base)
    tau = first.config.regimes.tau
    drawn = [_drawn(study.map, points, tau) for study in (first, second)]
    pairs = [np.random.default_rng(k).permutation(len(drawn[1])) for k in range(PAIRINGS)]
    before, after = np.concatenate([drawn[0]] * PAIRINGS), np.concatenate([drawn[1][order] for order in pairs])
    rows, moves = _surely_changed(before, after, level)
    share = 1 / len(points)
    found = [
        Area(
            before=REGIMES[r],
            after=REGIMES[s],
            share=share * len(members),
            where=_where(points.iloc[members], common),
        )
        for r, s in sorted(set(moves))
        if len(members := rows[[move == (r, s) for move in moves]])
    ]
    shares = [np.stack([(codes == k).mean(axis=1) for k in range(len(REGIMES))]) for codes in (before, after)]
    low, high = np.quantile(shares[1] - shares[0], [0.05, 0.95], axis=1)
    table = {"first": shares[0].mean(axis=1), "second": shares[1].mean(axis=1), "low": low, "high": high}
    return Areas(
        found=sorted(found, key=lambda area: -area.share),
        level=level,
        shares=pd.DataFrame(table, index=pd.Index(REGIMES, name="regime")),
        held=dict(common.held),
    )


def _drawn(fitted: RegimeMap, points: pd.DataFrame, tau: float) -> NDArray[np.intp]:
    """[D, m] the likeliest regime at each point in each of the map's worlds."""
    worlds = fitted.posterior.draw(fitted.encoder.features(points), DRAWS)
    codes = worlds.regimes(fitted._cuts(tau)).argmax(axis=2)
    return np.resize(codes, (DRAWS, codes.shape[1]))


def _surely_changed(
    before: NDArray[np.intp], after: NDArray[np.intp], level: float
) -> tuple[NDArray[np.intp], list[tuple[int, int]]]:
    """Points, and the change of each, that all changed so at once in the share ``level`` of worlds [D, m].

    Points enter by their own probability, the surest first, as long as they hold together.
    """
    kinds = np.arange(len(REGIMES))
    one, other = ((codes[..., None] == kinds).mean(axis=0) for codes in (before, after))
    joint = one[:, :, None] * other[:, None, :]
    joint[:, kinds, kinds] = 0
    flat = joint.reshape(len(joint), -1)
    r, s = np.divmod(flat.argmax(axis=1), len(REGIMES))
    order = np.argsort(-flat.max(axis=1), kind="stable")
    holds = ((before == r) & (after == s))[:, order]
    together = np.logical_and.accumulate(holds, axis=1).mean(axis=0)
    kept = order[: int((together >= level).sum())]
    return kept, [(int(r[i]), int(s[i])) for i in kept]


def _where(members: pd.DataFrame, common: CommonSpace) -> dict[str, Any]:
    """The hyperparameters of which an area takes a part only."""
    encoder = Encoder(common.space)
    unit = encoder.to_unit(members)
    found: dict[str, Any] = {}
    for i, name in enumerate(encoder.names):
        values = members[name].tolist()
        if numeric(encoder, name):
            if np.ptp(unit[:, i]) < SHORTER:
                found[name] = (min(values), max(values))
        elif len(kept := tuple(dict.fromkeys(values))) < len(encoder.space[name].choices):  # type: ignore[attr-defined]
            found[name] = kept
    return found


def numeric(encoder: Encoder, name: str) -> bool:
    """Whether a hyperparameter is an axis of its space."""
    try:
        encoder.grid(name, 2)
    except ValueError:
        return False
    return True
