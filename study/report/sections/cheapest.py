"""What as good a net costs at least: parameters, operations and training time, beside those of the recommended one."""

from collections.abc import Mapping
from typing import Any, Final

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import CONDITIONS, conditions
from fitscape.study.maps.cheapest import NEAR, SURE, cheapest
from fitscape.study.report import wording
from fitscape.study.report.expense import Expense
from fitscape.study.report.slices import NET, net_at
from fitscape.study.report.subject import Subject

LEAST_SAVED: Final = 0.1  # of the operations; less is not worth a line


def cheaper(
    subject: Subject, fitted: RegimeMap, recommended: Mapping[str, Any], expense: Expense
) -> dict[str, Any] | None:
    """What the page says of the cheapest net that is as good; None where images or nets are not known here."""
    if not expense.known:
        return None
    span = wording.percent(float(fitted.cuts.at_skill(NEAR * fitted.cuts.tau)) - fitted.cuts.reference)
    said = {"sure": wording.percent(SURE), "span": span}
    found = cheapest(fitted, conditions(fitted), expense.operations)
    now = expense.operations(recommended)
    if found is None or now is None:
        return said | {"net": ""}
    point, probability = found
    if (expense.operations(point) or now) > (1 - LEAST_SAVED) * now:
        return said | {"net": ""}
    costs, before = (expense.said(at) for at in (point, recommended))
    return said | {
        "net": wording.net(net_at(subject, point)),
        "setting": wording.setting({k: v for k, v in point.items() if k not in (*CONDITIONS, *NET)}, digits=2),
        "probability": wording.probability(probability),
        "costs": [(name, costs[name], before[name]) for name in costs],
    }
