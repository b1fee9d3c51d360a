"""The cheapest nets that are as good, one for each kind of cost, beside the recommended one."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import CONDITIONS, conditions, forecast
from fitscape.study.maps.cheapest import NEAR, SURE, as_good, cheapest
from fitscape.study.report import wording
from fitscape.study.report.expense import Expense
from fitscape.study.report.sections.trained import measurements
from fitscape.study.report.slices import NET, net_at
from fitscape.study.report.subject import Subject

LEAST_SAVED: Final = 0.1  # of a cost; less is not worth a line
QUICKEST: Final = "quickest to train"
UNEVEN: Final = 1.5  # times as long: runs of one net that differ by so much tell little of it
GOOD: Final = 1.0  # of tau's span: all of what counts as good

Price = Callable[[Mapping[str, Any]], float | None]


def cheaper(
    subject: Subject, fitted: RegimeMap, recommended: Mapping[str, Any], expense: Expense
) -> dict[str, Any] | None:
    """``rows``: the recommended net and the cheapest ones by parameters, by operations and by time, each with its
    expected error, what its runs measured, if any, and its costs; None where images or nets are not known here.

    A net is as good within half of tau's span. Where none of those saves a tenth of a cost, one that is good takes
    the place: it may be what the reader wants.
    """
    if not expense.known:
        return None
    near = as_good(fitted, conditions(fitted), (NEAR, GOOD))
    named: list[tuple[list[str], Mapping[str, Any]]] = []
    for name, price in _prices(expense).items():
        found = next((one for part in near if (one := _saving(near[part], recommended, price))), None)
        if found is None or (name == QUICKEST and not _quicker(expense, found, recommended)):
            continue
        same = next((names for names, point in named if point == found), None)
        if same is None:
            named.append(([name], found))
        else:
            same.append(name)
    ran = measurements(subject.trials, subject.config.data.overlap) if named else {}
    listed = [(["recommended"], recommended), *named] if named else []
    rows = [_row(subject, fitted, expense, ", ".join(why), point, ran) for why, point in listed]
    return {
        "sure": wording.probability(SURE),
        "near": f"{100 * _above(fitted, NEAR):.1f} points",
        "good": f"{100 * _above(fitted, GOOD):.1f} points",
        "rows": rows,
        "images": _images(rows),
        "scaled": any(row["range"].endswith("scaled") for row in rows),
        "uneven": f"{expense.spread:.2g}" if expense.spread >= UNEVEN else "",
    }


def _images(rows: list[dict[str, Any]]) -> str:
    """Behind each measured error; empty where none was measured."""
    counts = [row["measured"]["images"] for row in rows if row["measured"]]
    return wording.number(min(counts)) if counts else ""


def _prices(expense: Expense) -> dict[str, Price]:
    return {
        "fewest parameters": expense.parameters,
        "fewest operations": expense.operations,
        QUICKEST: expense.roughly,
    }


def _quicker(expense: Expense, point: Mapping[str, Any], recommended: Mapping[str, Any]) -> bool:
    """Whether each run near it took less than each near the recommended one: times of one net may differ widely."""
    then, now = expense.spent(point), expense.spent(recommended)
    return then is not None and now is not None and max(then.seconds, then.high) <= (1 - LEAST_SAVED) * now.low


def _above(fitted: RegimeMap, part: float) -> float:
    return float(fitted.cuts.at_skill(part * fitted.cuts.tau)) - fitted.cuts.reference


def _saving(
    known: list[tuple[dict[str, Any], float]], recommended: Mapping[str, Any], price: Price
) -> dict[str, Any] | None:
    """The cheapest of these, if it saves enough."""
    found, now = cheapest(known, price), price(recommended)
    if found is None or now is None or (price(found[0]) or now) > (1 - LEAST_SAVED) * now:
        return None
    return found[0]


def _row(
    subject: Subject,
    fitted: RegimeMap,
    expense: Expense,
    why: str,
    point: Mapping[str, Any],
    ran: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    told = forecast(fitted, pd.DataFrame([dict(point)]), chosen=True).iloc[0]
    near = fitted.predict(pd.DataFrame([dict(point)]), tau=NEAR * fitted.cuts.tau)["good"].iloc[0]
    return {
        "why": why,
        "net": wording.net(net_at(subject, point)),
        "setting": wording.setting({k: v for k, v in point.items() if k not in (*CONDITIONS, *NET)}, digits=2),
        "error": wording.from_floor(told["val_error"], fitted.cuts.least),
        "interval": wording.interval_from_floor(told["low"], told["high"], fitted.cuts.least),
        "measured": ran.get(subject.config.base.with_hyperparameters(dict(point)).group_id),
        "near": wording.probability(float(near)),
        "good": wording.probability(told["good"]),
        "costs": expense.said(point),
        "time": expense.seconds(point),
        "range": "" if (spent := expense.spent(point)) is None else spent.between,
    }
