"""Plain and balanced error of one set of images, and the number of independent images that each is worth.

An error rate of 320 images from 40 parts is not one from 320 independent images, nor is a mean over classes of which
one has five images known as well as its number of images suggests. The effective number of images is that of a simple
random sample whose error rate would vary as much (Kish 1965, Survey Sampling, section 8.2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# What stands in where a net errs too rarely to show how alike the images of a group are: their correlation, with the
# weight of so many groups that hold an error. Frames of one part are mostly all right or all wrong.
PRIOR_CORRELATION: Final = 0.6
PRIOR_GROUPS: Final = 6.0
PRIOR_IMAGES: Final = 1.0  # with which a class's error, where its variance is asked, is drawn to that of all images


@dataclass(frozen=True)
class Measured:
    """An error rate, and how many independent images know it as well."""

    error: float
    effective_n: float


def plain(wrong: ArrayLike, groups: ArrayLike | None = None) -> Measured:
    """Share of wrong images [M]; ``groups`` [M]: equal numbers belong together."""
    x = np.asarray(wrong, dtype=float)
    return Measured(float(x.mean()), _effective(x, np.zeros(len(x), dtype=np.int64), np.ones(1), groups))


def balanced(wrong: ArrayLike, labels: ArrayLike, groups: ArrayLike | None = None) -> Measured:
    """Plain mean over classes of the share of wrong images [M] of each; classes without images do not count."""
    x = np.asarray(wrong, dtype=float)
    _, classes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    errors = np.bincount(classes, weights=x) / counts
    return Measured(float(errors.mean()), _effective(x, classes, np.full(len(counts), 1 / len(counts)), groups))


def macro_f1(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over the classes that have images of 2 TP / (2 TP + FP + FN), as scikit-learn's over these labels."""
    truth, said = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    size = int(max(truth.max(), said.max())) + 1
    images, named = np.bincount(truth, minlength=size), np.bincount(said, minlength=size)
    right = np.bincount(truth[truth == said], minlength=size)
    there = images > 0
    return float((2 * right[there] / (images + named)[there]).mean())


def _effective(x: Array, classes: NDArray[np.int64], shares: Array, groups: ArrayLike | None) -> float:
    """Of sum over classes of share times mean: p (1 - p) over its variance, both at errors drawn to the pooled one,
    so that a net without an error has a number too."""
    counts = np.bincount(classes).astype(float)
    members = np.arange(len(x)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    errors = np.bincount(classes, weights=x) / counts
    rho = 0.0 if groups is None else _correlation(x - errors[classes], members)
    known = counts / _inflation(classes, members, counts, rho)  # independent images of each class
    pooled = (float((known * errors).sum()) + 0.5) / (float(known.sum()) + 1)
    rates = (known * errors + PRIOR_IMAGES * pooled) / (known + PRIOR_IMAGES)
    weights = (shares / counts)[classes]
    spread = weights * np.sqrt(rates * (1 - rates))[classes]
    alone = float((spread**2).sum())
    variance = alone + rho * (float((np.bincount(members, weights=spread) ** 2).sum()) - alone)
    p = float((shares * rates).sum())
    return p * (1 - p) / variance


def _inflation(classes: NDArray[np.int64], members: NDArray[np.int64], counts: Array, rho: float) -> Array:
    """Of the variance of each class's error by groups: 1 + rho (b - 1), b the mean size of an image's group in it."""
    both, sizes = np.unique(np.stack([classes, members]), axis=1, return_counts=True)
    mean = np.bincount(both[0], weights=sizes.astype(float) ** 2) / counts
    return np.asarray(1 + rho * (mean - 1))


def _correlation(residuals: Array, members: NDArray[np.int64]) -> float:
    """Of two images of one group, drawn to the prior by the number of groups that hold an error; 0 to 1."""
    sizes = np.bincount(members)
    pairs, variance = float((sizes * (sizes - 1)).sum()), float((residuals**2).mean())
    if pairs == 0:
        return 0.0
    products = np.bincount(members, weights=residuals) ** 2 - np.bincount(members, weights=residuals**2)
    found = float(products.sum()) / pairs / variance if variance > 0 else PRIOR_CORRELATION
    erring = float((np.bincount(members, weights=residuals > 0) > 0).sum())
    drawn = (erring * found + PRIOR_GROUPS * PRIOR_CORRELATION) / (erring + PRIOR_GROUPS)
    return float(np.clip(drawn, 0.0, 1.0))
