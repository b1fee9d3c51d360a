"""The best trial that was run: what it measured, and why it was lucky."""

from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from fitscape.study.records import TrialRecord, TrialState
from fitscape.study.regimes import final_record
from fitscape.study.report import wording
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import point_of


def best_run(subject: Subject) -> dict[str, Any] | None:
    """The finished trial of the lowest last validation error.

    ``interval`` is Wilson's 90 % interval over its images and speaks of this net alone; ``expected`` is the map's 90 %
    interval for new nets of its configuration, seeds and the luck of being picked counted; empty outside the space.
    """
    ended = [(r, t) for t in subject.trials if t.state is TrialState.FINISHED and (r := final_record(t)) is not None]
    if not ended:
        return None
    record, trial = min(ended, key=lambda pair: pair[0].val_error)
    low, high = proportion_confint(round(record.val_error * record.val_n), record.val_n, alpha=0.1, method="wilson")
    label = subject.labels.get(trial.trial_id)
    return {
        "number": trial.number,
        "net": wording.net(trial.config.model.name),
        "setting": wording.setting(subject.point(trial)),
        "error": wording.percent(record.val_error),
        "interval": wording.interval(float(low), float(high)),
        "images": record.val_n,
        "regime": label.named if label else None,
        "expected": _expected(subject, trial),
    }


def _expected(subject: Subject, trial: TrialRecord) -> str:
    point = point_of(trial.config, subject.space)
    if subject.map is None or point is None:
        return ""
    told = subject.map.error_interval(pd.DataFrame([point])).iloc[0]
    return wording.interval_from_floor(float(told["low"]), float(told["high"]), subject.map.cuts.least)
