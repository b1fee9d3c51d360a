"""Which class is taken for which."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def confusion(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts [K, K + 1]: row the label, column what was predicted; the last column counts images without a class.

    Its first K columns are scikit-learn's ``confusion_matrix``.
    """
    rows, columns = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    counts = np.bincount(rows * (classes + 1) + columns, minlength=classes * (classes + 1))
    return counts.reshape(classes, classes + 1).astype(np.int64)


def class_errors(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Error of each class [K] of a ``confusion``; NaN of one that has no image."""
    images = counts.sum(axis=1)
    right = counts[:, : len(counts)].diagonal()
    return np.divide(images - right, images, out=np.full(len(counts), np.nan), where=images > 0)
