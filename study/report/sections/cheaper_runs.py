"""Configurations that were trained, cost less than the recommended net, and measured no worse, or lie outside of the
searched space, where no net was a candidate."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from fitscape.study.maps.advice import CONDITIONS
from fitscape.study.records import Regime, TrialRecord
from fitscape.study.report import wording
from fitscape.study.report.expense import Expense
from fitscape.study.report.sections.trained import finished, measured
from fitscape.study.report.subject import Subject
from fitscape.study.search.space import point_of

SAVED: Final = 0.9  # of a cost: more of it saves too little to be worth a line
COSTS: Final = ("parameters", "operations", "time")


def cheaper_runs(
    subject: Subject, point: Mapping[str, Any], val_error: float, expense: Expense
) -> list[dict[str, Any]]:
    """Of each cost the cheapest such configuration, inside of the space and outside. All of its runs are good, on as
    many images as the recommended net is for.

    Args:
        val_error: of the recommended net by the model, where it was not trained.
    """
    spent, counts = expense.spent(point), expense.counts(point)
    if spent is None or counts is None:
        return []
    base = subject.config.base.with_hyperparameters(dict(point))
    ran = finished(subject.trials)
    now = dict(zip(COSTS, (*counts, spent.seconds), strict=True))
    aim = measured(ran[base.group_id])["mean"] if base.group_id in ran else val_error
    found: dict[tuple[bool, str], list[tuple[float, float, str]]] = {}
    for group, runs in ran.items():
        inside = point_of(runs[0].config, subject.space) is not None
        costs = _costs(runs)
        if group == base.group_id or costs is None or not _as_good(subject, runs, base.flat()):
            continue
        mean = measured(runs)["mean"]
        if inside and mean > aim:
            continue
        for name in COSTS:
            if costs[name] <= SAVED * now[name]:
                found.setdefault((inside, name), []).append((costs[name], mean, group))
    named: dict[tuple[bool, str], list[str]] = {}
    for (inside, name), ones in found.items():
        least = min(ones)[0]
        group = min((mean, group) for cost, mean, group in ones if SAVED * cost <= least)[1]
        named.setdefault((inside, group), []).append(name)
    return [_row(subject, ran[group], inside, less) for (inside, group), less in sorted(named.items(), reverse=True)]


def _as_good(subject: Subject, runs: list[TrialRecord], conditions: Mapping[str, Any]) -> bool:
    labels = [subject.labels.get(t.trial_id) for t in runs]
    same = all(runs[0].config.flat()[name] == conditions[name] for name in CONDITIONS)
    return same and all(label is not None and label.regime == Regime.GOOD for label in labels)


def _costs(runs: list[TrialRecord]) -> dict[str, float] | None:
    size = runs[0].size
    if size is None:
        return None
    return {
        "parameters": size.parameters,
        "operations": size.flops,
        "time": float(np.median([t.seconds for t in runs])),
    }


def _row(subject: Subject, runs: list[TrialRecord], inside: bool, less: list[str]) -> dict[str, Any]:
    costs = _costs(runs)
    assert costs is not None
    return {
        "inside": inside,
        "less": ", ".join(f"less {name}" if name == "time" else f"fewer {name}" for name in less),
        "net": wording.net(runs[0].config.model.name),
        "setting": wording.setting({k: v for k, v in subject.point(runs[0]).items() if k not in CONDITIONS}, digits=2),
        "parameters": wording.magnitude(costs["parameters"]),
        "operations": wording.magnitude(costs["operations"]),
        "time": wording.duration(float(f"{costs['time']:.2g}")),
        **measured(runs),
    }
