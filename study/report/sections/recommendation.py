"""What to do, in plain words: the likeliest good configuration, its errors, and which change would help from there."""

from typing import Any

import pandas as pd

from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import CONDITIONS, TIED, forecast
from fitscape.study.records import TrialRecord
from fitscape.study.report import wording
from fitscape.study.report.expense import Expense
from fitscape.study.report.foretelling import BETTER, gain
from fitscape.study.report.searched import at_ends, searched
from fitscape.study.report.section import Section
from fitscape.study.report.sections.best_run import best_run
from fitscape.study.report.sections.changes import changes
from fitscape.study.report.sections.cheaper_runs import cheaper_runs
from fitscape.study.report.sections.cheapest import cheaper
from fitscape.study.report.sections.frozen import frozen
from fitscape.study.report.sections.longer import longer
from fitscape.study.report.sections.more_images import more_images
from fitscape.study.report.sections.outside import outside
from fitscape.study.report.sections.trained import trained
from fitscape.study.report.slices import NET, net_at, slices_of
from fitscape.study.report.subject import Subject


def recommendation(subject: Subject, *, tested: bool = True) -> dict[str, Any]:
    """``advice`` from the map (None without one, ``why`` says why) and ``best``, the best trial that was run.

    To put the map to the test takes time; where it is not ``tested``, nothing is ``unproven``.
    """
    fitted = subject.map
    guessing = None if subject.no_labels else _guessing(subject)
    return {
        "advice": _advice(subject, fitted) | {"unproven": tested and _unproven(subject)} if fitted else None,
        "guessing": guessing,
        "why": subject.no_map,
        "best": best_run(subject),
    }


def _guessing(subject: Subject) -> dict[str, Any] | None:
    """The verdict that the study is no better than guessing: its best configuration is not surely below chance."""
    found = subject.study.guessing
    return (
        None
        if found is None
        else {
            "error": wording.percent(found.error),
            "interval": wording.interval(found.low, found.high),
            "chance": wording.percent(found.chance),
            "probability": wording.probability(found.probability),
        }
    )


def _advice(subject: Subject, fitted: RegimeMap) -> dict[str, Any]:
    point = subject.recommended
    left = () if subject.config.base.model.read else (*CONDITIONS, *NET)
    told = forecast(fitted, pd.DataFrame([point]), chosen=True).iloc[0]
    plain = forecast(fitted, pd.DataFrame([point])).iloc[0]
    expense = Expense(subject)
    interval = _interval(fitted, told["low"], told["high"])
    images = more_images(subject, fitted, point, now=interval)
    threshold = float(fitted.cuts.at_skill(fitted.cuts.tau))
    return {
        "net": wording.net(net_at(subject, point)),
        "conditions": _conditions(subject, point),
        "setting": wording.setting({k: v for k, v in point.items() if k not in left}, digits=2),
        "good": wording.probability(told["good"]),
        "decided": bool(told["good"] >= fitted.thresholds.confidence),
        "likely": bool(told["good"] >= 0.5),
        "regime": str(told["regime"]),
        "error": _error(fitted, told["val_error"]),
        "interval": interval,
        "added": _added(plain["val_error"], told["val_error"]),
        "training": _training(fitted, point),
        "least": wording.percent(fitted.cuts.least) if _unresolved(fitted, told["train_error"]) else "",
        "gap": _gap(fitted, told["val_error"], told["train_error"]),
        "small_gap": bool(told["val_error"] <= threshold),
        "trained": trained(subject, fitted, point, float(told["good"])),
        "rival": _rival(subject, fitted, point, float(told["good"])),
        "configuration": _configuration(subject, point),
        "costs": expense.said(point),
        "machine": expense.machine,
        "side_by_side": expense.side_by_side,
        "reference": wording.percent(fitted.cuts.reference)
        + ("" if fitted.given else " by the model, its luck taken off"),
        "against": wording.reference(fitted.given),
        "as_good": wording.as_good(fitted.given),
        "threshold": wording.percent(threshold),
        "tau": f"{fitted.cuts.tau:g}",
        "outside": outside(subject),
        "cheaper_runs": cheaper_runs(subject, point, float(told["val_error"]), expense),
        "frozen": frozen(subject, point),
        "cheaper": cheaper(subject, fitted, point, expense) if told["good"] >= 0.5 else None,
        "unfinished": _unfinished(subject),
        "longer": longer(subject, point, float(told["train_error"]), float(told["val_error"])),
        **changes(fitted, point, expense, images),
        "images": images,
        "at_ends": ", ".join(at_ends(subject, point)),
        "searched": "; ".join(f"{name} {values}" for name, values in searched(subject)),
        "nearest": [t.number for t in _nearest(subject, fitted, point)],
        "undecided": wording.percent(fitted.undecided_area()),
    }


def _unproven(subject: Subject) -> bool:
    """Whether the map was put to the test, and predicted new trials no better than their mean."""
    return subject.foretold is not None and gain(subject.foretold) != BETTER


def _unfinished(subject: Subject) -> dict[str, Any] | None:
    """How many trials have ended, where a tenth or more of the study's are still to be run; None of one that has a
    goal of its own, whose runs were read, or whose grid has no more points."""
    config, ended = subject.config, sum(trial.state.terminal for trial in subject.trials)
    over = config.search.sampler == "grid" and ended == len(subject.trials)
    if over or config.base.model.read or config.search.until or ended > 0.9 * config.search.trials:
        return None
    return {"ended": ended, "trials": config.search.trials, "name": config.name}


def _conditions(subject: Subject, point: dict[str, Any]) -> str:
    """What of the data the advice is for: the most images and the least label noise of the space."""
    if subject.config.base.model.read:
        return "On the data that the runs were trained on"
    at = {**subject.config.base.flat(), **point}
    share, noise = at["train_fraction"], at["label_noise"]
    images = "All training images" if share == 1 else f"{wording.percent(share)} of the training images"
    return (
        f"{images}, labels as they are" if noise == 0 else f"{images}, {wording.percent(noise)} of the labels redrawn"
    )


def _added(plain: float, told: float) -> tuple[str, str] | None:
    """What the map expects of any such net, and the points that are added because it was picked; None: nothing is."""
    points = round(100 * told, 1) - round(100 * plain, 1)  # of the errors as they are said
    return (wording.tenths(plain), f"{points:.1f} points") if points >= 0.05 else None


def _gap(fitted: RegimeMap, val: float, train: float) -> str:
    """Validation less training error; at most the first where the second is below what the map can tell."""
    if _unresolved(fitted, train):
        return f"at most {100 * val:.1f} points"
    return "none to be seen" if val < train + 0.0005 else f"{100 * (val - train):.1f} points"


def _unresolved(fitted: RegimeMap, error: float) -> bool:
    """Whether an error is too near to 0 for the map to tell it from there."""
    return bool(error < fitted.cuts.least)


def _rival(subject: Subject, fitted: RegimeMap, point: dict[str, Any], good: float) -> dict[str, str] | None:
    """Another architecture that is as likely to be good; None where there is none."""
    found = []
    for part in slices_of(subject):
        if part.picked and not part.picked.items() <= point.items():
            other = subject.best_point(part.picked)
            told = forecast(fitted, pd.DataFrame([other]), chosen=True).iloc[0]
            found.append((float(told["good"]), -float(told["val_error"]), part.name, told))
    if not found or max(found)[0] < good - TIED:
        return None
    probability, _, name, told = max((one for one in found if one[0] >= good - TIED), key=lambda one: one[1])
    return {
        "net": name,
        "error": _error(fitted, told["val_error"]),
        "interval": _interval(fitted, told["low"], told["high"]),
        "good": wording.probability(probability),
    }


def _configuration(subject: Subject, point: dict[str, Any]) -> list[tuple[str, str]]:
    """Every hyperparameter of the recommended trial, whether it was searched or not, the seed apart."""
    shown = subject.config.base.with_hyperparameters(dict(point)).shown()
    return [
        (wording.hyperparameter(name), wording.value_if_set(name, value))
        for name, value in shown.items()
        if name != "seed"
    ]


def _training(fitted: RegimeMap, point: dict[str, Any]) -> tuple[str, str]:
    """The training error that is expected at a point, and its 90 % interval."""
    told = fitted.error_interval(pd.DataFrame([point]), of="train").iloc[0]
    median = float(told["median"])
    error = f"about {wording.percent(0)}" if _unresolved(fitted, median) else _error(fitted, median)
    return error, _interval(fitted, told["low"], told["high"])


def _error(fitted: RegimeMap, error: float) -> str:
    return wording.from_floor(error, fitted.cuts.least)


def _interval(fitted: RegimeMap, low: float, high: float) -> str:
    return wording.interval_from_floor(low, high, fitted.cuts.least)


def _nearest(subject: Subject, fitted: RegimeMap, point: dict[str, Any]) -> list[TrialRecord]:
    by_id = {t.trial_id: t for t in subject.trials}
    return [by_id[i] for i in fitted.nearest(point, k=3) if i in by_id]


SECTION = Section(
    "recommendation", "Recommendation", "Recommendation", lambda m: recommendation(m.subject, tested=not m.runs)
)
