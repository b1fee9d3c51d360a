"""What as good a net costs at least: parameters, operations and training time, beside those of the recommended one."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from fitscape.study.config import TrialConfig
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import CONDITIONS, conditions
from fitscape.study.maps.cheapest import NEAR, SURE, cheapest
from fitscape.study.records import TrialState
from fitscape.study.report import wording
from fitscape.study.report.slices import NET, net_at
from fitscape.study.report.subject import Subject
from fitscape.study.search.cost import CostModel, Work, flops

LEAST_SAVED: Final = 0.1  # of the operations; less is not worth a line


def cheaper(subject: Subject, fitted: RegimeMap, recommended: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the page says of the cheapest net that is as good; None where images or nets are not known here."""
    work = _work(subject)
    if work is None or subject.config.base.model.read:
        return None

    def operations(point: Mapping[str, Any]) -> float | None:
        trial = _trial(subject, point)
        return None if trial is None else flops(trial.model, work.input_shape, work.classes) or None

    span = wording.percent(float(fitted.cuts.at_skill(NEAR * fitted.cuts.tau)) - fitted.cuts.reference)
    said = {"sure": wording.percent(SURE), "span": span}
    found = cheapest(fitted, conditions(fitted), operations)
    now = operations(recommended)
    if found is None or now is None:
        return said | {"net": ""}
    point, probability = found
    if (operations(point) or now) > (1 - LEAST_SAVED) * now:
        return said | {"net": ""}
    costs, before = (_costs(subject, work, at) for at in (point, recommended))
    return said | {
        "net": wording.net(net_at(subject, point)),
        "setting": wording.setting({k: v for k, v in point.items() if k not in (*CONDITIONS, *NET)}, digits=2),
        "probability": wording.probability(probability),
        "costs": [(name, costs[name], before[name]) for name in costs],
    }


def _work(subject: Subject) -> Work | None:
    data = subject.provenance.get("data", {})
    images, shape = data.get("images", {}), data.get("input_shape")
    if not shape or not images:
        return None
    probe = subject.config.data.probe_size
    return Work(images["train"], probe, images["validation"], tuple(shape), len(subject.classes))


def _trial(subject: Subject, point: Mapping[str, Any]) -> TrialConfig | None:
    try:
        return subject.config.base.with_hyperparameters(dict(point))
    except ValueError:
        return None


def _costs(subject: Subject, work: Work, point: Mapping[str, Any]) -> dict[str, str]:
    from fitscape.models.size import measure  # torch: not before it is needed

    trial = _trial(subject, point)
    assert trial is not None
    parameters, operations = measure(trial.model, work.input_shape, work.classes)
    said = {"parameters": wording.magnitude(parameters), "operations an image": wording.magnitude(operations)}
    seconds = CostModel(work)
    for ran in subject.trials:
        if ran.state is TrialState.FINISHED and ran.epochs:
            seconds.learn(ran.config, float(np.mean([e.train_seconds + e.eval_seconds for e in ran.epochs])))
    if seconds.known:
        whole = trial.optimization.epochs * float(seconds.epoch([trial])[0][0])
        said["to train it here"] = f"about {wording.duration(float(f'{whole:.2g}'))}"
    return said
