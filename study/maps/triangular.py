"""Inverses by LAPACK's own routines for triangles, which do a third of the work of a general solution."""

import numpy as np
from numpy.typing import NDArray
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
