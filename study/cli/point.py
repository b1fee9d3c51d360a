"""What ``fitscape map`` says: the regimes at one point, and what that rests on."""

from typing import Any

import pandas as pd

from fitscape.study.cli.wording import described
from fitscape.study.errors import UserError
from fitscape.study.maps.decision import REGIMES
from fitscape.study.measures.wording import short
from fitscape.study.opened import OpenStudy
from fitscape.study.reading import parse_set
from fitscape.study.reading.hyperparameters import trial_problem
from fitscape.study.reading.keys import did_you_mean
from fitscape.study.records import Label, Regime, TrialRecord
from fitscape.study.regimes import label_all
from fitscape.study.search.space import point_of


def answer(study: OpenStudy, at: list[str]) -> dict[str, Any]:
    """Probabilities at a point as JSON. What is not given stays at the study's base where the space holds it.

    Raises:
        UserError: an unknown hyperparameter, a value outside the space, a hyperparameter left open, or no map yet.
    """
    point = _point(study, at)
    found = study.map.predict(pd.DataFrame([point])).iloc[0]
    nearest = study.map.nearest(point, k=5)
    labels = _labels(study, nearest)
    return {
        "study": study.config.name,
        "point": point,
        "regimes": {name: float(found[name]) for name in REGIMES},
        "diverged_trials": int(study.map.diverged.sum()),
        "regime": None if found["undecided"] else str(found["regime"]),
        "train_error": float(found["train_error"]),
        "val_error": float(found["val_error"]),
        "nearest": [_evidence(labels.get(trial_id), study.trial(trial_id)) for trial_id in nearest],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The answer for a person."""
    out = [f"{found['study']} at " + ", ".join(f"{k}={short(v)}" for k, v in found["point"].items()), ""]
    for name, probability in sorted(found["regimes"].items(), key=lambda item: -item[1]):
        if name == Regime.DIVERGED and not found["diverged_trials"]:
            continue  # that none was seen to diverge leaves a little for it, which would read as a forecast
        out.append(f"  {name:<10} {probability:5.0%}  {'█' * round(30 * probability)}".rstrip())
    out += [
        "",
        f"  regime     {found['regime'] or 'undecided'}",
        f"  expected   training error {found['train_error']:.3f}, validation error {found['val_error']:.3f}",
        "",
        "nearest trials",
    ]
    for trial in found["nearest"]:
        error = "-" if trial["val_error"] is None else f"{trial['val_error']:.3f}"
        out.append(f"  {trial['trial_id']}  {trial['named'] or '-':<10} validation error {error}  {trial['trial']}")
    return out


def _point(study: OpenStudy, at: list[str]) -> dict[str, Any]:
    space = study.space
    given: dict[str, Any] = {}
    for text in at:
        change = parse_set(text, "--at")
        hyperparameter = str(change.key[0])
        if len(change.key) > 1 or hyperparameter not in space:
            raise UserError(
                "is not searched by this study", where=change.option, fix=did_you_mean(hyperparameter, space)
            )
        problem = trial_problem(study.config.base, {**given, hyperparameter: change.value}, ())
        if problem is not None:
            raise UserError(problem.what, where=change.option, fix=problem.fix)
        given[hyperparameter] = change.value
    point = point_of(study.config.base.with_hyperparameters(given), space)
    if point is None:
        raise UserError(_outside(study, given), where="--at")
    return point


def _outside(study: OpenStudy, given: dict[str, Any]) -> str:
    flat = {**study.config.base.flat(), "architecture": study.config.base.model.name, **given}
    for name, distribution in study.space.items():
        one = {name: distribution}
        if point_of(study.config.base.with_hyperparameters({name: flat[name]}), one) is None:
            said = "is outside" if name in given else "must be given: the study's base is outside"
            return f"{name} {said} {_bounds(distribution)}"
    return "the point lies outside the study's space"


def _bounds(distribution: Any) -> str:
    if hasattr(distribution, "choices"):
        return ", ".join(map(str, distribution.choices))
    return f"{distribution.low:g} to {distribution.high:g}"


def _labels(study: OpenStudy, trial_ids: list[str]) -> dict[str, Label]:
    """Of these trials alone, where nobody has labelled all of them: that takes as long as the map does."""
    if study.labels_at_hand is not None:
        return study.labels
    groups = {trial.config.group_id for trial in study.ends if trial.trial_id in trial_ids}
    trials = [study.trial(t.trial_id) if t.config.group_id in groups else t for t in study.ends]
    found = label_all(trials, study.config.regimes, only=trial_ids, **study.case(study.beliefs))
    return {label.trial_id: label for label in found}


def _evidence(label: Label | None, trial: TrialRecord) -> dict[str, Any]:
    return {
        "trial_id": trial.trial_id,
        "regime": label.regime.value if label else None,
        "named": label.named if label else None,
        "val_error": trial.last.val_error if trial.last else None,
        "trial": described(trial),
    }
