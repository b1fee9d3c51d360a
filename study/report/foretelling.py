"""The map put to the test: trials that looked at no result, each predicted before it ran."""

from functools import partial
from typing import Final

import numpy as np

from fitscape.study.findings.context import SAMPLED
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.foretold import Foretold, foretold
from fitscape.study.opened import OpenStudy

LEAST_GAIN: Final = 0.1  # nats per trial, for predictions to be better or worse than none
BETTER: Final = "better than"


def gain(told: Foretold) -> str:
    """How the map predicted against the mean and spread of the errors so far."""
    gained = told.log_score - told.blind
    return BETTER if gained > LEAST_GAIN else "worse than" if gained < -LEAST_GAIN else "no better than"


def foretelling(study: OpenStudy, fitted: RegimeMap) -> Foretold | None:
    """How maps like the study's predict errors that they have not seen; None where too few trials tell."""
    if study.ledger.read_from is not None:
        return None
    table = study.map_table()
    by_id = {trial.trial_id: trial for trial in study.trials}
    ran = [by_id[trial_id] for trial_id in table["trial_id"]]
    times = np.array([[trial.started_at, trial.ended_at] for trial in ran], dtype=float)
    table = table.assign(started_at=times[:, 0], ended_at=times[:, 1])
    return foretold(partial(fitted.of, val_only=True), table, [trial.origin in SAMPLED for trial in ran])
