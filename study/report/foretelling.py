"""The map put to the test: trials that looked at no result, each predicted before it ran."""

import numpy as np

from fitscape.study.findings.context import SAMPLED
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.foretold import Foretold, foretold
from fitscape.study.opened import OpenStudy


def foretelling(study: OpenStudy, fitted: RegimeMap) -> Foretold | None:
    """How maps like the study's predict errors that they have not seen; None where too few trials tell."""
    if study.ledger.read_from is not None:
        return None
    table = study.map_table()
    by_id = {trial.trial_id: trial for trial in study.trials}
    ran = [by_id[trial_id] for trial_id in table["trial_id"]]
    times = np.array([[trial.started_at, trial.ended_at] for trial in ran], dtype=float)
    table = table.assign(started_at=times[:, 0], ended_at=times[:, 1])
    return foretold(fitted.of, table, [trial.origin in SAMPLED for trial in ran])
