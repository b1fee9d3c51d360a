"""Which hyperparameters matter: first-order Sobol indices of the validation error over a search space."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution

from fitscape.study.maps.regime_map import RegimeMap

Array = NDArray[np.float64]
BINS = 16


def importance(fitted: RegimeMap, *, points: int = 1024, draws: int = 60, seed: int = 0) -> pd.DataFrame:
    """Share of the variance of the validation error z that each hyperparameter x explains, Var(E[z | x]) / Var(z).

    The first-order index of Sobol (1993), estimated on one Sobol sample by the correlation ratio over equal
    bins of each hyperparameter (a category is a bin), with Kelley's (1935) correction of its bias. z is the map's
    soft-floored logit, of runs that do not diverge. What the hyperparameters explain together only is in no row.

    Returns:
        A row per hyperparameter with more than one value, most important first: ``share`` (median over joint draws of
        the field), ``low`` and ``high`` (90 % interval).
    """
    encoder = fitted.encoder
    unit = encoder.sobol(points, seed)
    frame = encoder.from_unit(unit)
    z = fitted.fields.val.sample(encoder.features(frame), draws, np.random.default_rng(seed))
    rows = {}
    for i, name in enumerate(encoder.names):
        categorical = isinstance(encoder.space[name], CategoricalDistribution)
        bins = frame[name].astype("category").cat.codes.to_numpy() if categorical else (unit[:, i] * BINS).astype(int)
        rows[name] = np.quantile(correlation_ratio(z, bins), [0.5, 0.05, 0.95])
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["share", "low", "high"])
    return found.rename_axis("hyperparameter").sort_values("share", ascending=False, kind="stable")


def correlation_ratio(values: Array, bins: NDArray[np.integer]) -> Array:
    """[draws] bias-corrected share of the variance of ``values`` [draws, n] between ``bins`` [n]; 0 to 1."""
    groups = np.unique(bins)
    n, k = len(bins), len(groups)
    within = np.zeros(len(values))
    for group in groups:
        members = values[:, bins == group]
        within += np.square(members - members.mean(1, keepdims=True)).sum(1)
    total = np.square(values - values.mean(1, keepdims=True)).sum(1)
    ratio = 1 - (within / max(n - k, 1)) / np.maximum(total / max(n - 1, 1), 1e-300)
    return np.where(total > 1e-12, np.clip(ratio, 0, 1), 0.0)
