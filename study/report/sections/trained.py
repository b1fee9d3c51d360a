"""Whether the recommended configuration was trained, and what its runs, or the nearest ones, came to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import TIED, forecast
from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import final_record
from fitscape.study.report import wording
from fitscape.study.report.slices import net_at
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import point_of


def trained(subject: Subject, fitted: RegimeMap, point: Mapping[str, Any], good: float) -> dict[str, Any] | None:
    """Runs of a configuration: of the recommended one (``exact``), else of the nearest one of the same net.

    ``error`` is what they measured. Of the nearest, ``expected`` is what the map expects there, and ``as_good``
    whether it is as likely to be good as the recommended one.
    """
    ran = {t.trial_id: t for t in subject.trials if t.state is TrialState.FINISHED and final_record(t) is not None}
    group = subject.config.base.with_hyperparameters(dict(point)).group_id
    runs = [t for t in ran.values() if t.config.group_id == group]
    if runs:
        return {"exact": True, **_measured(runs)}
    net = net_at(subject, point)
    near = [ran[i] for i in fitted.nearest(point, k=len(subject.trials)) if i in ran]
    first = next((t for t in near if t.config.model.name == net), None)
    if first is None or (there := point_of(first.config, subject.space)) is None:
        return None
    told = forecast(fitted, pd.DataFrame([there])).iloc[0]
    return {
        "exact": False,
        **_measured([t for t in near if t.config.group_id == first.config.group_id]),
        "setting": wording.setting(subject.point(first), digits=2),
        "expected": wording.percent(told["val_error"]),
        "good": wording.probability(told["good"]),
        "as_good": bool(told["good"] >= good - TIED),
    }


def _measured(runs: list[TrialRecord]) -> dict[str, Any]:
    errors = [record.val_error for t in runs if (record := final_record(t)) is not None]
    mean = wording.percent(float(np.mean(errors)))
    return {
        "runs": sorted(t.number for t in runs),
        "error": mean
        if len(runs) == 1
        else f"{mean} on average, {wording.percent(min(errors))} to {wording.percent(max(errors))} in single runs",
    }
