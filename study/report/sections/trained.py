"""Whether the recommended configuration was trained, and what its runs, or the nearest ones, came to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import TIED, forecast
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.regimes import (
    SeedNoise,
    by_group,
    final_record,
    measured_reference,
    pooled_seed_noise,
    standard_draws,
)
from fitscape.study.report import wording
from fitscape.study.report.slices import net_at
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import point_of


def trained(subject: Subject, fitted: RegimeMap, point: Mapping[str, Any], good: float) -> dict[str, Any] | None:
    """Runs of a configuration: of the recommended one (``exact``), else of the nearest one of the same net.

    ``error`` and ``training`` are what they measured. Of the nearest, ``expected`` is what the map expects there, with
    what is added for a configuration that is picked, and ``as_good`` whether it is as likely to be good as the
    recommended one.
    """
    ran = finished(subject.trials)
    group = subject.config.base.with_hyperparameters(dict(point)).group_id
    if group in ran:
        return {"exact": True, **measured(ran[group])}
    net = net_at(subject, point)
    by_id = {t.trial_id: t for runs in ran.values() for t in runs}
    near = [by_id[i] for i in fitted.nearest(point, k=len(subject.trials)) if i in by_id]
    first = next((t for t in near if t.config.model.name == net), None)
    if first is None or (there := point_of(first.config, subject.space)) is None:
        return None
    told = forecast(fitted, pd.DataFrame([there]), chosen=True).iloc[0]
    return {
        "exact": False,
        **measured(ran[first.config.group_id]),
        "setting": wording.setting(subject.point(first), digits=2),
        "expected": wording.tenths(told["val_error"]),
        "good": wording.probability(told["good"]),
        "as_good": bool(told["good"] >= good - TIED),
    }


def measurements(trials: Iterable[TrialRecord], overlap: float) -> dict[str, dict[str, Any]]:
    """By configuration that ran to its end: the mean validation error of its runs, its 90 % interval over images and
    seeds, how many runs, on how many images, and how many others ``diverged``. Not corrected for having been picked:
    that is the map's work.

    Args:
        overlap: `DataConfig.overlap`.
    """
    trials = list(trials)
    groups = by_group(trials)
    noise = pooled_seed_noise(groups, overlap)
    diverged = Counter(t.config.group_id for t in trials if t.state is TrialState.DIVERGED)
    return {group: _measurement(records, noise) | {"diverged": diverged[group]} for group, records in groups.items()}


def finished(trials: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Runs that came to their end with finite numbers, by configuration: its seeds together."""
    found: dict[str, list[TrialRecord]] = {}
    for trial in trials:
        if trial.state is TrialState.FINISHED and final_record(trial) is not None:
            found.setdefault(trial.config.group_id, []).append(trial)
    return found


def measured(runs: list[TrialRecord]) -> dict[str, Any]:
    """Numbers of the runs, the ``mean`` of their validation errors, and ``error`` and ``training`` error in words."""
    records = [record for t in runs if (record := final_record(t)) is not None]
    return {
        "runs": sorted(t.number for t in runs),
        "mean": float(np.mean([r.val_error for r in records])),
        "error": _over_runs([r.val_error for r in records]),
        "training": _over_runs([r.train_error for r in records]),
    }


def _measurement(records: list[EpochRecord], noise: SeedNoise) -> dict[str, Any]:
    low, high = np.quantile(measured_reference(records, noise).draws(standard_draws(0)), [0.05, 0.95])
    runs = len(records)
    return {
        "error": wording.percent(float(np.mean([r.val_error for r in records]))),
        "interval": wording.interval(float(low), float(high)),
        "runs": runs,
        "images": min(r.val_n for r in records),
    }


def _over_runs(errors: list[float]) -> str:
    mean = wording.percent(float(np.mean(errors)))
    if len(errors) == 1 or min(errors) == max(errors):
        return mean if len(errors) == 1 else f"{mean} in each run"
    return f"{mean} on average, {wording.percent(min(errors))} to {wording.percent(max(errors))} in single runs"
