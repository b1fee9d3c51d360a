"""The cheapest configuration that is as good as the best, as far as a map knows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from fitscape.study.maps.decision import REGIMES
from fitscape.study.maps.encoding import row_of
from fitscape.study.maps.posterior import probabilities
from fitscape.study.maps.regime_map import RegimeMap

SURE: Final = 0.9  # probability of being as good, from which a configuration may be recommended for its cost
NEAR: Final = 0.5  # of tau's span: the excess over the best error up to which it is as good
POINTS: Final = 2048  # of the space that are looked at

Known = tuple[dict[str, Any], float]  # a point, and the probability that it is as good


def as_good(fitted: RegimeMap, held: Mapping[str, Any], near: Sequence[float] = (NEAR,)) -> dict[float, list[Known]]:
    """Points of the space that are surely as good, each with the probability that it is.

    As good: it does not diverge, and its validation error exceeds the best one's by at most so large a part of what a
    good fit may. The probability counts all that the map does not know, the best error among it.

    Args:
        held: hyperparameters with the value that they keep.
        near: which parts; 1 is all of what a good fit may.
    """
    frame = fitted.encoder.from_unit(fitted.encoder.sobol(POINTS, fitted.seed))
    frame = frame.assign(**{name: pd.Series([value] * len(frame), dtype=object) for name, value in held.items()})
    beliefs, good = fitted.posterior.predict(fitted.encoder.features(frame)), REGIMES.index("good")
    by_part = {part: probabilities(beliefs, part * fitted.cuts.tau)[:, good] for part in near}
    return {
        part: [(row_of(frame, int(row)), float(sure[row])) for row in np.flatnonzero(sure >= SURE)]
        for part, sure in by_part.items()
    }


def cheapest(known: Iterable[Known], cost: Callable[[Mapping[str, Any]], float | None]) -> Known | None:
    """Of points that are as good, the cheapest; of those that cost the same, the surest; None where there is none.

    Args:
        cost: of a point, in any unit; None where it cannot be trained.
    """
    priced = [(price, one) for one in known if (price := cost(one[0])) is not None]
    if not priced:
        return None
    least = min(price for price, _ in priced)
    return max((one for price, one in priced if price <= least * (1 + 1e-9)), key=lambda one: one[1])
