"""Whether 90 % intervals of errors hold the truth where images come in groups and classes are unequal."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import beta

from fitscape.study.measures.errors import balanced, plain

PARTS: Final = {"4 classes": (20, 12, 6, 2), "7 classes": (12, 9, 7, 5, 4, 2, 1)}  # groups of each class, 10 to 1
IMAGES: Final = 8  # of a group
CORRELATIONS: Final = (0.0, 0.2, 0.5, 0.8)  # of two images of a group
ERRORS: Final = (0.01, 0.05, 0.2)  # median over classes; classes differ by a log-normal of .7
METRICS: Final = ("error", "balanced_error")


@dataclass(frozen=True)
class Coverage:
    """Of many validation sets of one kind."""

    held: float  # share of the intervals that hold the true error
    width: float  # mean
    images: float  # median effective number


def coverage(
    parts: tuple[int, ...], correlation: float, error: float, metric: str, *, rounds: int, seed: int = 0
) -> Coverage:
    """``parts``: groups of each class. The groups of a class err at beta-distributed rates around the class's own."""
    rng = np.random.default_rng(seed)
    counts = np.array(parts)
    labels = np.repeat(np.arange(len(counts)), counts * IMAGES)
    groups = np.repeat(np.arange(counts.sum()), IMAGES)
    found = np.empty((rounds, 3))
    for row in found:
        rates = np.clip(error * np.exp(rng.normal(0, 0.7, len(counts))), 0.002, 0.9)
        of_group = np.repeat(rates, counts)
        if correlation > 0:
            strength = 1 / correlation - 1
            of_group = rng.beta(of_group * strength, (1 - of_group) * strength)
        wrong = rng.random(len(labels)) < np.repeat(of_group, IMAGES)
        measured = plain(wrong, groups) if metric == "error" else balanced(wrong, labels, groups)
        truth = np.average(rates, weights=counts) if metric == "error" else rates.mean()
        n = measured.effective_n
        low, high = beta(measured.error * n + 0.5, (1 - measured.error) * n + 0.5).interval(0.9)
        row[:] = low <= truth <= high, high - low, n
    return Coverage(float(found[:, 0].mean()), float(found[:, 1].mean()), float(np.median(found[:, 2])))
