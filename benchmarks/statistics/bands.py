"""The bands around a map's boundaries, against the true boundaries."""

import numpy as np
import pandas as pd

from benchmarks.regime_search.landscapes import Landscape
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.boundary import BAND
from fitscape.study.maps.decision import REGIMES, Cuts

SIDE = 41  # of the grid on which boundaries are looked at


def bands(one: RegimeMap, landscape: Landscape, cuts: Cuts) -> dict[str, float]:
    """Of the plane of the first two numeric hyperparameters, the others in the middle: how much of the true boundaries
    lies in the 80 % band of its regime, and how much of the plane such a band takes, in the mean over regimes.
    """
    encoder = one.encoder
    x, y = list(encoder.numeric_columns)[:2]
    middle = encoder.from_unit(np.full((1, encoder.dimensions), 0.5)).iloc[0].to_dict()
    fixed = {str(name): value for name, value in middle.items() if name not in (x, y)}
    found = one.boundary(x, y, fixed, resolution=SIDE)
    xs, ys = np.meshgrid(found.x_values, found.y_values)
    points = pd.DataFrame({x: xs.ravel(), y: ys.ravel(), **fixed})[list(encoder.names)]
    train, val, diverged = landscape.truth(points)
    true = cuts.labels(train, val, diverged).reshape(xs.shape)
    crossed, held, area = 0, 0, []
    for k, regime in enumerate(REGIMES):
        p, is_it = found.probabilities[..., k], true == regime
        for axis in (0, 1):
            moved, there = np.moveaxis(p, axis, 0), np.moveaxis(is_it, axis, 0)
            boundary = there[1:] != there[:-1]
            low, high = np.minimum(moved[1:], moved[:-1]), np.maximum(moved[1:], moved[:-1])
            crossed += int(boundary.sum())
            held += int((boundary & (low <= BAND[1]) & (high >= BAND[0])).sum())
        if is_it.any() and not is_it.all():
            area.append(float(((p >= BAND[0]) & (p <= BAND[1])).mean()))
    return {"band_inside": held / crossed, "band_width": float(np.mean(area))} if crossed else {}
