"""Inverses by LAPACK's own routines for triangles, which do a third of the work of a general solution."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dpotri, dtrtri

Array = NDArray[np.float64]


def inverse(factor: Array) -> Array:
    """Of a lower triangular matrix."""
    found, _ = dtrtri(factor, lower=1)
    return np.asfortranarray(np.tril(found))


def inverse_of(factor: Array) -> Array:
    """Of a positive definite matrix with this lower Cholesky factor, whose other half does not count."""
    found, _ = dpotri(factor, lower=1)
    lower = np.tril(found)
    return np.asarray(lower + np.tril(lower, -1).T)


def product(factor: Array, columns: Array, *, overwrite: bool = False) -> Array:
    """A lower triangular matrix [m, m] times columns [m, n], which lie row by row in memory as the result does.

    Seen from the right no array is turned round: that took as long as the product of many columns.

    Args:
        overwrite: the columns' memory takes the result.
    """
    return np.asarray(dtrmm(1.0, factor, columns.T, side=1, lower=1, trans_a=1, overwrite_b=overwrite).T)
