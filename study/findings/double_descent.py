"""Does validation error peak where nets just manage to interpolate (Nakkiran et al. 2019)?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

from fitscape.study.findings.context import Context, Labels, Question, ended, strata, train_error, val_error
from fitscape.study.findings.evidence import RESAMPLES, resampled_evidence
from fitscape.study.findings.finding import ALPHA, Counted, Evidence, Finding, judge
from fitscape.study.findings.size import needed
from fitscape.study.findings.spread import Spread
from fitscape.study.measures.wording import percent
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

INTERPOLATION: Final = 0.1  # training error at which Nakkiran et al. put the threshold
MARGIN: Final = 0.01  # height of a peak that is worth the name
NEAR: Final = 1.0  # a peak within a factor of two in width is at the threshold
BEYOND: Final = 4.0  # where nets that fit at none of the widths run are taken to fit, in units of the widest
NULL_DRAWS: Final = 4000
LEAST_WIDTHS: Final = 5
LEAST_SEEDS: Final = 3
SOURCE: Final = "Nakkiran et al. 2019, figure 1"


@dataclass(frozen=True, kw_only=True)
class WidthCurve:
    """Errors of one kind of net against width: widths [W], errors [S, W], one row per seed."""

    example: TrialRecord
    widths: Array
    train: Array
    val: Array

    @property
    def mean(self) -> Array:
        return np.asarray(self.val.mean(axis=0))

    def band(self) -> tuple[Array, Array]:
        """Pointwise 95 % t band [W] of the mean validation error over seeds, spreads moderated over widths."""
        half = Spread.of(self.val).half_width()
        return self.mean - half, self.mean + half

    @property
    def threshold(self) -> float:
        """Smallest width whose mean training error is at most ``INTERPOLATION``; infinite if none."""
        fitted = self.widths[self.train.mean(axis=0) <= INTERPOLATION]
        return float(fitted.min()) if len(fitted) else float("inf")


def width_curves(trials: Sequence[TrialRecord], context: Context) -> list[WidthCurve]:
    """A curve for every kind of net that was run at five widths or more with three shared seeds or more."""
    curves = []
    for group in strata(ended(trials), over=("width", "seed")):
        cells = {(t.config.model.width, t.config.seed): t for t in group}
        widths = sorted({w for w, _ in cells})
        seeds = [s for s in sorted({s for _, s in cells}) if all((w, s) in cells for w in widths)]
        if len(widths) >= LEAST_WIDTHS and len(seeds) >= LEAST_SEEDS:
            grid = [[cells[w, s] for w in widths] for s in seeds]
            curves.append(
                WidthCurve(
                    example=group[0],
                    widths=np.array(widths),
                    train=np.array([[train_error(t, context.chance_error) for t in row] for row in grid]),
                    val=np.array([[val_error(t, context.chance_error) for t in row] for row in grid]),
                )
            )
    return curves


def double_descent(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """For each kind of net: is there a peak between two lower errors, and is it at the threshold?"""
    found: list[Finding] = []
    for curve in width_curves(trials, context):
        peak = _peak_finding(curve, context)
        found.append(peak)
        if peak.found and np.isfinite(curve.threshold):
            found.append(_place_finding(curve, context))
    return found


def heights(errors: Array) -> Array:
    """How far each interior point stands above the lowest points on both its sides, measured from the higher
    of the two: [..., W - 2] of curves [..., W]. All below 0 for a valley or a slope."""
    left = np.minimum.accumulate(errors, axis=-1)[..., :-2]
    right = np.minimum.accumulate(errors[..., ::-1], axis=-1)[..., ::-1][..., 2:]
    return np.asarray(errors[..., 1:-1] - np.maximum(left, right))


def peak_at(errors: Array) -> int:
    """Index of the highest interior point of a curve [W]."""
    return 1 + int(np.argmax(heights(errors)))


def peak_evidence(val: Array, seed: int = 0) -> Evidence:
    """Evidence for a peak in errors [S, W] over seeds: is some width worse than one below it and one above it?

    A width's t statistic is the smaller of its largest ones against a width below and against one above. The
    largest of all widths' is compared with its distribution on a flat curve, on which chance peaks most easily, so
    that the search for the highest point is part of the test. Against a peak of ``MARGIN`` speaks that for every
    three widths one of the two rises is surely smaller. No resampling: three seeds have but ten resamples.
    """
    spread = Spread.of(val)
    mean = np.asarray(val.mean(axis=0))
    peak = peak_at(mean)
    height = float(heights(mean)[peak - 1])
    rises = mean[:, None] - mean[None, :]
    se = spread.of_differences()
    t = rises / se
    null = _largest(spread.flat(NULL_DRAWS, np.random.default_rng(seed)))
    df = spread.df
    smaller = np.asarray(student.cdf((rises - MARGIN) / se, df))
    # Against each width: the least convincing rise on either side, whichever side denies it better, twice for choosing.
    denied = [min(1.0, 2 * min(smaller[j, :j].max(), smaller[j, j + 1 :].max())) for j in range(1, len(mean) - 1)]
    dips = int(np.argmin(mean[:peak])), peak + 1 + int(np.argmin(mean[peak + 1 :]))
    higher = max(dips, key=lambda dip: mean[dip])
    half = float(student.ppf(1 - ALPHA / 2, df)) * se[peak, higher]
    return Evidence(
        estimate=height,
        low=height - half,
        high=height + half,
        p_above=(int((null >= _largest(t[None])[0]).sum()) + 1) / (NULL_DRAWS + 1),
        p_below=max(denied),
        margin=MARGIN,
        n=len(val),
        test="largest peak t against a flat curve",
        needed=needed(float(se[peak, higher]) * np.sqrt(len(val)), MARGIN),
    )


def _largest(t: Array) -> Array:
    """[R] of t statistics [R, W, W] of each width over each other: the largest over widths of the smaller of what
    it has against those below it and against those above it."""
    w = t.shape[-1]
    below = np.where(np.tri(w, k=-1, dtype=bool), t, -np.inf).max(axis=-1)
    above = np.where(np.tri(w, k=-1, dtype=bool).T, t, -np.inf).max(axis=-1)
    return np.asarray(np.minimum(below, above)[..., 1:-1].max(axis=-1))


def _peak_finding(curve: WidthCurve, context: Context) -> Finding:
    peak = peak_at(curve.mean)
    height = float(heights(curve.mean)[peak - 1])
    config = curve.example.config
    noise = percent(config.data.label_noise)
    threshold = f"width {curve.threshold:g}" if np.isfinite(curve.threshold) else "none of the widths run"
    return judge(
        peak_evidence(curve.val, context.seed),
        claim=f"Double descent: validation error of {config.model.name} peaks at an intermediate width, {noise} of "
        "the labels redrawn",
        question="double_descent",
        family=config.model.family,
        unit="validation error at the peak, above the lower of the two dips beside it",
        explanation=f"{len(curve.val)} seeds at {len(curve.widths)} widths from {curve.widths[0]:g} to "
        f"{curve.widths[-1]:g}: the highest interior point, at width {curve.widths[peak]:g}, stands "
        f"{100 * height:+.1f} points above the dips on its two sides. Nets first fit their training images "
        f"(training error {percent(INTERPOLATION)}) at {threshold}.",
        source=SOURCE,
        effect="a peak of the validation error at an intermediate width",
    )


def _place_finding(curve: WidthCurve, context: Context) -> Finding:
    """Is the peak within a factor of two of the interpolation threshold?"""
    rng = np.random.default_rng(context.seed)
    val, train = (Spread.of(x).means(x, RESAMPLES, rng) for x in (curve.val, curve.train))
    fits = train <= INTERPOLATION
    thresholds = np.where(fits.any(axis=1), curve.widths[np.argmax(fits, axis=1)], curve.widths[-1] * BEYOND)
    peaks = curve.widths[1 + np.argmax(heights(val), axis=1)]
    draws = NEAR - np.abs(np.log2(peaks / thresholds))
    estimate = NEAR - abs(float(np.log2(_peak_width(curve, curve.mean) / curve.threshold)))
    test = "t draws of both curves"
    evidence = resampled_evidence(estimate, draws, n=len(curve.val), test=test, counted=Counted.SEEDS)
    return judge(
        evidence,
        claim=f"Double descent: the peak of {curve.example.config.model.name} is at the interpolation threshold",
        question="double_descent",
        family=curve.example.config.model.family,
        unit="1 - distance of peak and threshold in doublings of width",
        explanation=f"The peak is at width {_peak_width(curve, curve.mean):g}, the threshold at {curve.threshold:g}; "
        "within a factor of two they count as one place.",
        source=SOURCE,
        effect="a peak at the interpolation threshold",
    )


def _peak_width(curve: WidthCurve, errors: Array) -> float:
    return float(curve.widths[peak_at(errors)])


QUESTION = Question(
    name="double_descent",
    title="Is a middling size the worst?",
    asked="Nets of rising width on the same images. Double descent is a validation error that rises towards the "
    "width which just fits the training labels and falls again beyond it.",
    answer=double_descent,
    needs="widths that are known as such, with shared seeds",
    takes="five widths of one net, alike in all else, with three shared seeds",
    main=("peaks at",),
)
