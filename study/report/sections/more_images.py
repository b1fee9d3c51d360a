"""What more images would bring the recommended net, in words that say where they cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution
from scipy.special import ndtr

from fitscape.study.config import TrialConfig
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.more_images import FARTHEST, IMAGES, SPAN, LearningCurve, learning_curve
from fitscape.study.report import wording
from fitscape.study.report.effort import most_images
from fitscape.study.report.subject import Subject

FEWER: Final = 0.75  # of the errors are left at the error that is asked about ...
NEARER: Final = {  # ... or so many, and by how much that is less: the least whose images are known
    0.5: "half",
    0.6: "two fifths",
    0.7: "three tenths",
    FEWER: "a quarter",
    0.8: "a fifth",
    6 / 7: "a seventh",
    0.9: "a tenth",
}
SURE: Final = 0.8  # probability from which the training error is what is missing
LEAST: Final = 12  # trials with enough images
MOST_AUDITED: Final = 16  # trials that the bands of a quarter are held against
HELD: Final = 0.5  # share of them that must lie in their band: one curve leaves many of them at once


@dataclass(frozen=True)
class Audit:
    """Trials with half of the images and more, foretold from those with a quarter and less."""

    n: int
    inside: int  # of the 90 % bands
    why: str = ""  # there is nothing to hold against them; empty where there is

    @property
    def failed(self) -> bool:
        return self.inside < HELD * self.n


def more_images(
    subject: Subject, fitted: RegimeMap, point: Mapping[str, Any], *, now: str = ""
) -> dict[str, Any] | None:
    """``answer`` in one or two sentences, ``helps``, ``rows`` of images and error bands, ``audit`` and ``passes``.

    None for runs that were read: how many images theirs had is not known.

    Args:
        now: the interval that is shown elsewhere for the images at hand. It counts the one validation set, which all
            nets share, too: one number for one thing. Empty: the curve's own.
    """
    if subject.config.base.model.read or not subject.study.context.train_images:
        return None
    net = subject.config.base.with_hyperparameters(dict(point))
    images, seen = subject.study.context.train_images, most_images(net)
    if seen <= net.data.train_fraction * images:
        return _all_seen(net, net.data.train_fraction * images)
    if IMAGES not in fitted.encoder.names:
        return _unknown("every trial had the same share of the images")
    validation = subject.provenance.get("data", {}).get("images", {}).get("validation", 0)
    curve = learning_curve(fitted, point, chosen=True)
    table = subject.study.map_table()
    table = table[~table["diverged"].astype(bool)]
    if curve is None:
        return _unknown("the trials' numbers of images hardly differ, or those with half of them hardly learned")
    near = int((table[IMAGES] >= curve.top / SPAN).sum())
    if near < LEAST:
        return _unknown(f"only {near} trials had an eighth of the images or more, and {LEAST} are needed")
    checked = audit(fitted, table, validation)
    end = (
        "four times as many" if seen >= FARTHEST * curve.top * images else f"the {_round(seen)} that its steps can see"
    )
    said = {"audit": _audited(checked), "passes": _passes(subject, point), "end": end}
    if checked.failed:
        return _unknown("runs with at most a quarter of the images did not foretell the others") | said
    found = _answer(fitted, curve, point, images, seen) | said
    return found | {
        "rows": [(count, now or band) if k == 0 else (count, band) for k, (count, band) in enumerate(found["rows"])]
    }


def audit(fitted: RegimeMap, table: pd.DataFrame, validation: int) -> Audit:
    """Of trials that were drawn over a range of images; without a number, and with its reason, where there are few."""
    distribution = fitted.encoder.space[IMAGES]
    if not isinstance(distribution, FloatDistribution):
        return _unchecked("the images were a few listed numbers, not drawn over a range")
    top = distribution.high
    if distribution.low > top / (2 * FARTHEST):
        least = wording.percent(distribution.low / top)
        return _unchecked(f"the fewest images were {least} of the most, and an eighth or less is needed")
    few, many = table[table[IMAGES] <= top / FARTHEST], table[table[IMAGES] >= top / 2]
    if len(few) < LEAST or len(many) < LEAST // 2:
        return _unchecked(
            f"of the trials on the map {len(few)} had a quarter of the images or less and {len(many)} had half or "
            f"more, and {LEAST} and {LEAST // 2} are needed"
        )
    space = {**fitted.encoder.space, IMAGES: FloatDistribution(distribution.low, top / FARTHEST, log=distribution.log)}
    chance, classes = fitted.cuts.chance, fitted.cuts.classes
    classes = None if classes is None else int(classes)
    law = RegimeMap(space, fitted.thresholds, chance_error=chance, reference_error=None, classes=classes)
    small = law.fit(few, val_only=True)
    told = list[bool]()
    for row in many.head(MOST_AUDITED).to_dict("records"):
        curve = learning_curve(small, {name: row[name] for name in small.encoder.names}, val_n=validation)
        if curve is not None:
            low, high = curve.band(row[IMAGES], nets=True)
            told.append(low <= row["val_error"] <= high)
    return Audit(len(told), sum(told)) if told else _unchecked("too few images were learned for a curve to be drawn")


def _unchecked(why: str) -> Audit:
    return Audit(n=0, inside=0, why=why)


def _all_seen(net: TrialConfig, images: float) -> dict[str, Any]:
    """What is to be said of a net whose steps end before its images do."""
    how = net.optimization
    assert how.steps_per_epoch is not None
    answer = (
        f"More images do nothing unless the net trains longer: its {how.epochs * how.steps_per_epoch:,} steps of "
        f"{how.batch_size} images see at most {most_images(net):,.0f} of the {images:,.0f} that there are."
    )
    return {"answer": answer, "helps": False, "rows": [], "all_seen": True}


def _answer(
    fitted: RegimeMap, curve: LearningCurve, point: Mapping[str, Any], images: float, seen: float
) -> dict[str, Any]:
    """``seen``: images that the net can see in its steps, beyond which nothing is said."""
    most = min(FARTHEST, seen / (curve.top * images))
    found = _told(fitted, curve, point, images, most)
    if most < FARTHEST:
        found["answer"] += (
            f" In its steps such a net sees at most {_round(seen)}: beyond that it must train longer, too."
        )
    return found


def _told(
    fitted: RegimeMap, curve: LearningCurve, point: Mapping[str, Any], images: float, farthest: float
) -> dict[str, Any]:
    target = FEWER * float(np.median(curve.at(curve.top)))

    def aim(part: float) -> str:
        return f"to lower the error of this net by {NEARER[part]}"

    rows = [
        (_round(curve.top * times * images), wording.interval(*curve.band(times * curve.top)))
        for times in (*(times for times in (1.0, 2.0) if times < farthest), farthest)
    ]
    mean, sd = fitted.posterior.error(fitted.encoder.features(pd.DataFrame([dict(point)])), "train")
    missing = float(ndtr((mean - fitted.fields.cuts.z(target)) / sd)[0])
    if missing >= SURE:
        train = wording.percent(float(fitted.fields.cuts.error(mean)[0]))
        answer = (
            f"More images alone are not expected {aim(FEWER)}: its training error alone is {train}, so it has not "
            f"learned the images that there are. With {rows[-1][0]} images, {rows[-1][1]} are expected (90 % interval)."
        )
        return {"answer": answer, "helps": False, "rows": rows}
    reach = farthest * curve.top
    if curve.needed(FEWER)[0] > reach:
        answer = f"More images will hardly help: {_times(farthest)} times as many are not enough {aim(FEWER)}."
        return {"answer": answer, "helps": False, "rows": rows}
    for part in NEARER:
        least, most = curve.needed(part)
        if most <= reach:
            between = f"{_round(least * images)} to {_round(most * images)}"
            answer = f"About {between} images are needed {aim(part)} (90 %; there are {_round(curve.top * images)})."
            return {"answer": answer, "helps": True, "rows": rows}
    lowest = _round(curve.needed(FEWER)[0] * images)
    answer = (
        f"More images may help, but how far is not known: {aim(FEWER)} takes at least about "
        f"{lowest} images, and {_times(farthest)} times as many as there are may not be enough."
    )
    return {"answer": answer, "helps": None, "rows": rows}


def _times(images: float) -> str:
    return f"{images:.2g}"


def _round(images: float) -> str:
    """Two digits are what is known."""
    return wording.number(float(f"{images:.2g}"))


def _unknown(why: str) -> dict[str, Any]:
    return {"answer": f"Whether more images would help is not predicted, because {why}.", "helps": None, "rows": []}


def _audited(found: Audit) -> str:
    if found.why:
        return f"Not checked: {found.why}."
    return (
        f"Checked: of {found.n} trials with half of the images and more, {found.inside} lie in the 90 % bands that the "
        "trials with a quarter and less give."
    )


def _passes(subject: Subject, point: Mapping[str, Any]) -> str:
    at = {**subject.config.base.flat(), **point}
    if at["steps_per_epoch"] is None:
        return f"for {at['epochs']} passes over whatever images there are"
    steps, images = at["epochs"] * at["steps_per_epoch"], subject.study.context.train_images * at[IMAGES]
    passes = wording.number(float(f"{steps * at['batch_size'] / images:.2g}"), 2)
    return f"for {steps:,} steps, which are {passes} passes over the images that there are, and fewer over more"
