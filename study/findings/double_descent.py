"""Does validation error peak where nets just manage to interpolate (Nakkiran et al. 2019)?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

from fitscape.study.findings.context import Context, Labels, Question, ended, percent, strata, train_error, val_error
from fitscape.study.findings.evidence import RESAMPLES, resampled_evidence
from fitscape.study.findings.finding import ALPHA, Evidence, Finding, judge
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array

INTERPOLATION: Final = 0.1  # training error at which Nakkiran et al. put the threshold
MARGIN: Final = 0.01  # height of a peak that is worth the name
NEAR: Final = 1.0  # a peak within a factor of two in width is at the threshold
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

    def band(self, seed: int = 0) -> tuple[Array, Array]:
        """Pointwise 95 % bootstrap band [W] of the mean validation error over seeds."""
        drawn = self.val[_resampled(len(self.val), seed)].mean(axis=1)
        low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
        return low, high

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
        if peak.estimate >= MARGIN and np.isfinite(curve.threshold):
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


def valley_fit(errors: Array) -> Array:
    """The nearest curve [W] without an interior peak: falling, then rising (least squares)."""
    fits = []
    for turn in range(len(errors) + 1):
        left = isotonic_regression(errors[:turn], increasing=False).x if turn else np.empty(0)
        right = isotonic_regression(errors[turn:]).x if turn < len(errors) else np.empty(0)
        fits.append(np.concatenate([left, right]))
    return min(fits, key=lambda fit: float(np.sum((fit - errors) ** 2)))


def peak_evidence(val: Array, seed: int = 0) -> Evidence:
    """Evidence for a peak in errors [S, W], seeds resampled whole so that what widths share stays paired.

    ``p_above`` is the share of resamples in which the nearest curve without a peak, with the seeds' residuals
    put on it, shows one as high: the search for the highest point is part of what is repeated.
    """
    mean = np.asarray(val.mean(axis=0))
    peak = peak_at(mean)
    height = float(heights(mean)[peak - 1])
    residuals = (val - mean) * np.sqrt(len(val) / (len(val) - 1))
    noise = residuals[_resampled(len(val), seed)].mean(axis=1)
    null = heights(valley_fit(mean) + noise).max(axis=1)
    dips = np.argmin(mean[:peak]), peak + 1 + np.argmin(mean[peak + 1 :])
    drawn = mean + noise
    at_place = drawn[:, peak] - np.maximum(drawn[:, dips[0]], drawn[:, dips[1]])
    evidence = resampled_evidence(height, at_place, n=len(val), test="bootstrap against the best valley", margin=MARGIN)
    # The interval is at the place found; the p value repeats the finding of it.
    return Evidence(
        estimate=height,
        low=evidence.low,
        high=evidence.high,
        p_above=(int((null >= height).sum()) + 1) / (RESAMPLES + 1),
        p_below=evidence.p_below,
        margin=MARGIN,
        n=len(val),
        test=evidence.test,
    )


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
    )


def _place_finding(curve: WidthCurve, context: Context) -> Finding:
    """Is the peak within a factor of two of the interpolation threshold?"""
    draws = []
    for rows in _resampled(len(curve.val), context.seed):
        fitted = curve.widths[curve.train[rows].mean(axis=0) <= INTERPOLATION]
        if len(fitted):
            draws.append(NEAR - abs(np.log2(_peak_width(curve, curve.val[rows].mean(axis=0)) / fitted.min())))
    estimate = NEAR - abs(float(np.log2(_peak_width(curve, curve.mean) / curve.threshold)))
    evidence = resampled_evidence(estimate, np.array(draws), n=len(curve.val), test="bootstrap over seeds")
    return judge(
        evidence,
        claim=f"Double descent: the peak of {curve.example.config.model.name} is at the interpolation threshold",
        question="double_descent",
        family=curve.example.config.model.family,
        unit="1 - distance of peak and threshold in doublings of width",
        explanation=f"The peak is at width {_peak_width(curve, curve.mean):g}, the threshold at {curve.threshold:g}; "
        "within a factor of two they count as one place.",
        source=SOURCE,
    )


def _peak_width(curve: WidthCurve, errors: Array) -> float:
    return float(curve.widths[peak_at(errors)])


def _resampled(n: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))


QUESTION = Question(
    name="double_descent",
    title="Is a middling size the worst?",
    asked="Nets of rising width on the same images. Double descent is a validation error that rises towards the "
    "width which just fits the training labels and falls again beyond it.",
    answer=double_descent,
)
