"""Changes that the map says would help, against what they do on the planted landscape."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.regime_search.landscapes import Landscape
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import AVERAGED, LEAST_FALL, steps
from fitscape.study.report.sections.changes import SURE


def changes(one: RegimeMap, landscape: Landscape, point: Mapping[str, Any]) -> list[tuple[float, bool]]:
    """Of each change of one hyperparameter that the page says helps: its probability, and whether it is so.

    It is so where the change, averaged over the space, lowers the odds of an error as far as a change is to be worth
    the name.
    """
    encoder = one.encoder
    space = encoder.from_unit(encoder.sobol(AVERAGED, one.seed + 1))  # other points than the map averages over
    found = []
    for step in steps(one, point):
        if step.lowers < SURE or step.error_after >= step.error_before:
            continue
        before, after = (
            one.fields.cuts.z(landscape.truth(space.assign(**{step.hyperparameter: value}))[1])
            for value in (step.before, step.after)
        )
        found.append((step.lowers, bool(np.mean(before - after) >= LEAST_FALL)))
    return found
