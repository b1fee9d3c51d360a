"""How good a map is, on points whose regimes are known and that it was not fitted on."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fitscape.study.maps.decision import REGIMES
from fitscape.study.maps.regime_map import RegimeMap

Array = NDArray[np.float64]
BINS = 10


@dataclass(frozen=True)
class MapScores:
    """All on the decidable points, but for ``undecided``, which is over all."""

    accuracy: float  # share of points whose likeliest regime is the true one
    brier: float  # mean squared error of the probabilities, summed over regimes: 0 to 2
    log_score: float  # mean -log probability of the true regime, nats
    calibration: float  # expected calibration error of the likeliest regime's probability, 10 equal bins
    wrong_decided: float  # share of errors where the map commits itself; 0 where it never does
    undecided: float  # share of points where it does not
    boundary_f1: float  # of the points with a neighbour of another regime

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def score(
    fitted: RegimeMap, points: pd.DataFrame, regimes: NDArray[np.str_], decidable: NDArray[np.bool_] | None = None
) -> MapScores:
    """Score a map on held-out points [m] with true ``regimes`` [m] (names out of REGIMES).

    Never score on the trials of an adaptive search: they crowd the boundaries. ``decidable`` leaves out points
    that the true values do not decide (replicated seeds that disagree).
    """
    if decidable is None:
        decidable = np.ones(len(points), dtype=bool)
    table = fitted.predict(points)
    p = table[list(REGIMES)].to_numpy()[decidable]
    truth = np.array([REGIMES.index(str(regime)) for regime in regimes])[decidable]
    right = p.argmax(1) == truth
    confidence = p.max(1)
    undecided = table["undecided"].to_numpy()
    decided = ~undecided[decidable]
    features = fitted.encoder.features(points)[decidable]
    return MapScores(
        accuracy=float(right.mean()),
        brier=float(((p - np.eye(len(REGIMES))[truth]) ** 2).sum(1).mean()),
        log_score=float(-np.log(np.maximum(p[np.arange(len(p)), truth], 1e-12)).mean()),
        calibration=calibration_error(confidence, right),
        wrong_decided=float((~right[decided]).mean()) if decided.any() else 0.0,
        undecided=float(undecided.mean()),
        boundary_f1=boundary_f1(features, truth, p.argmax(1)),
    )


def calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Mean |confidence - share right| over 10 equally wide bins, weighted by their counts (Guo et al. 2017)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)]
    return float(np.sum(gaps) / len(right))


def boundary_f1(features: Array, truth: NDArray[np.int_], guess: NDArray[np.int_]) -> float:
    """F1 of the points [m, features] that lie at a boundary: one of their 2 d nearest has another regime."""
    m = len(features)
    if m < 2:
        return 1.0
    k = min(2 * features.shape[1] + 1, m)
    neighbours = cKDTree(features).query(features, k=k)[1]
    at_truth, at_guess = ((labels[neighbours] != labels[:, None]).any(1) for labels in (truth, guess))
    both = int((at_truth & at_guess).sum())
    total = int(at_truth.sum() + at_guess.sum())
    return 2 * both / total if total else 1.0
