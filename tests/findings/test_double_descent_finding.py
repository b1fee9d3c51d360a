"""Findings on double descent, planted and null."""

import numpy as np
import pytest
from hand_made import make_trial, noisy_epoch

from fitscape.study.findings import Context, Verdict
from fitscape.study.findings.double_descent import _largest, double_descent, heights, peak_at, width_curves
from fitscape.study.records import TrialRecord

CONTEXT = Context(classes=10, chance_error=0.9)
WIDTHS = (0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0)
TRAIN = (0.5, 0.35, 0.2, 0.08, 0.02, 0.005, 0.001)
PEAK = (0.50, 0.45, 0.47, 0.56, 0.48, 0.42, 0.38)
SLOPE = (0.50, 0.48, 0.46, 0.44, 0.42, 0.40, 0.38)


def study(rng: np.random.Generator, val: tuple[float, ...], *, sd: float = 0.05, seeds: int = 5) -> list[TrialRecord]:
    return [
        make_trial({"width": w, "label_noise": 0.2, "seed": s}, noisy_epoch(rng, tr, va, train_sd=sd, val_sd=sd))
        for w, tr, va in zip(WIDTHS, TRAIN, val, strict=True)
        for s in range(seeds)
    ]


def test_a_planted_peak_is_found_at_the_threshold() -> None:
    peak, place = double_descent(study(np.random.default_rng(0), PEAK), {}, CONTEXT)
    assert peak.verdict is Verdict.SUPPORTED
    assert peak.low > 0
    assert "width 0.35" in peak.explanation
    assert place.verdict is Verdict.SUPPORTED


def test_a_peak_far_from_the_threshold_is_not_at_it() -> None:
    moved = (0.50, 0.45, 0.42, 0.40, 0.40, 0.50, 0.38)
    place = double_descent(study(np.random.default_rng(0), moved), {}, CONTEXT)[1]
    assert place.estimate == pytest.approx(1 - np.log2(0.7 / 0.35))
    assert place.verdict is not Verdict.SUPPORTED


def test_the_largest_peak_beats_all_that_lie_to_either_side() -> None:
    means = np.array([3.0, 1.0, 4.0, 2.0, 2.5])
    t = means[:, None] - means[None]
    assert _largest(t[None])[0] == pytest.approx(min(max(4 - 3, 4 - 1), max(4 - 2, 4 - 2.5)))
    assert _largest(np.zeros((2, 4, 4))) == pytest.approx([0, 0])
    slope = np.array([5.0, 4.0, 2.5, 1.0])
    assert _largest((slope[:, None] - slope[None])[None])[0] == pytest.approx(-1), "a width is not compared with itself"


def test_draws_of_the_place_are_of_the_widths_themselves() -> None:
    """Nearly without noise, the interval of the distance is the distance."""
    place = double_descent(study(np.random.default_rng(0), PEAK, sd=0.002), {}, CONTEXT)[1]
    assert (place.low, place.estimate, place.high) == pytest.approx((1, 1, 1), abs=0.55)
    assert place.low <= place.estimate <= place.high


def test_a_steady_slope_contradicts_the_peak() -> None:
    (found,) = double_descent(study(np.random.default_rng(0), SLOPE, sd=0.02, seeds=12), {}, CONTEXT)
    assert found.verdict is Verdict.CONTRADICTED
    assert found.estimate < 0


def test_noise_larger_than_the_peak_leaves_it_undecided() -> None:
    small = tuple(e + (0.02 if e == 0.44 else 0) for e in SLOPE)
    (found, *_) = double_descent(study(np.random.default_rng(0), small, sd=0.3, seeds=3), {}, CONTEXT)
    assert found.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("curve", [SLOPE, (0.45,) * 7])
def test_false_alarms_without_a_peak_are_nominal(curve: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    verdicts = [double_descent(study(rng, curve, sd=0.1), {}, CONTEXT)[0].verdict for _ in range(120)]
    assert np.mean([v is Verdict.SUPPORTED for v in verdicts]) <= 0.05


def test_curves_need_widths_and_shared_seeds() -> None:
    trials = study(np.random.default_rng(0), PEAK)
    (curve,) = width_curves(trials, CONTEXT)
    assert curve.val.shape == (5, 7)
    low, high = curve.band()
    assert (low <= curve.mean).all()
    assert (curve.mean <= high).all()
    assert width_curves([t for t in trials if t.config.model.width < 0.4], CONTEXT) == []
    assert width_curves([t for t in trials if t.config.seed < 2], CONTEXT) == []


def test_peaks_and_valleys_are_told_apart() -> None:
    peaked = np.array([3.0, 1, 4, 2, 5])
    assert (peak_at(peaked), heights(peaked).max()) == (2, 2)
    assert heights(np.array([3.0, 2, 1, 2, 3])).max() < 0
