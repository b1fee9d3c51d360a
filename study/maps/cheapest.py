"""The cheapest configuration that is as good as the best, as far as a map knows."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from fitscape.study.maps.encoding import row_of
from fitscape.study.maps.regime_map import RegimeMap

SURE: Final = 0.9  # probability of being as good, from which a configuration may be recommended for its cost
NEAR: Final = 0.5  # of tau's span: the excess over the best error up to which it is as good
POINTS: Final = 2048  # of the space that are looked at


def cheapest(
    fitted: RegimeMap, held: Mapping[str, Any], cost: Callable[[Mapping[str, Any]], float | None]
) -> tuple[dict[str, Any], float] | None:
    """The cheapest point that is surely as good, and the probability that it is; None where no point is.

    As good: it does not diverge, and its validation error exceeds the best one's by at most half of what a good fit
    may. The probability counts all that the map does not know, the best error among it.

    Args:
        held: hyperparameters with the value that they keep.
        cost: of a point, in any unit; None where it cannot be trained.
    """
    frame = fitted.encoder.from_unit(fitted.encoder.sobol(POINTS, fitted.seed))
    frame = frame.assign(**{name: pd.Series([value] * len(frame), dtype=object) for name, value in held.items()})
    probability = fitted.predict(frame, tau=NEAR * fitted.cuts.tau)["good"].to_numpy()
    rows = [int(row) for row in np.flatnonzero(probability >= SURE)]
    priced = [(price, row) for row in rows if (price := cost(row_of(frame, row))) is not None]
    if not priced:
        return None
    least = min(price for price, _ in priced)
    # Of those that cost the same, the surest.
    row = max((row for price, row in priced if price <= least * (1 + 1e-9)), key=lambda row: probability[row])
    return row_of(frame, row), float(probability[row])
