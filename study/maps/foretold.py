"""Whether the map foretells: errors of trials that looked at no result, predicted from those that had ended before.

Trials of an adaptive search crowd the boundaries, and labels are partly the map's own work; neither can judge it. The
trials of an even design can, if each is predicted before it is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import gamma

from fitscape.study.maps.error_models import observed_z
from fitscape.study.maps.gp import TAILS
from fitscape.study.maps.regime_map import RegimeMap

Array = NDArray[np.float64]

LEAST_KNOWN: Final = 12  # trials that must have ended before one is predicted
MOST_FITS: Final = 5  # maps that are fitted for it
MOST_ROWS: Final = 600  # of all their tables together, about
LEVEL: Final = 0.9
PRECISIONS: Final = 8  # of the seed noise, equally likely


@dataclass(frozen=True)
class Foretold:
    """Predictions of ``n`` measured validation errors, each before its trial was seen."""

    n: int
    inside: int  # of the 90 % intervals
    log_score: float  # mean log density of the logit error, nats
    blind: float  # the same of a normal distribution with mean and spread of the errors seen so far


def foretold(fit: Callable[[pd.DataFrame], RegimeMap], table: pd.DataFrame, even: Sequence[bool]) -> Foretold | None:
    """None where too few trials of the even design came after ``LEAST_KNOWN`` others, or times are not known.

    Args:
        fit: the map of a table of trials, as the study fits its own; its validation errors are enough.
        table: as :meth:`RegimeMap.fit` takes it, with ``started_at`` and ``ended_at``, seconds.
        even: of each row, whether its point was drawn without a look at results.
    """
    table = table.assign(even=np.asarray(even, dtype=bool)).dropna(subset=["started_at", "ended_at"])
    known = np.searchsorted(np.sort(table["ended_at"]), table["started_at"], side="right")  # had ended by then
    told = table[table["even"] & ~table["diverged"].astype(bool) & (known >= LEAST_KNOWN)].sort_values("started_at")
    inside, scores, blind = [], [], []
    fits = max(1, min(MOST_FITS, MOST_ROWS // max(len(table), 1), len(told)))
    for part in np.array_split(np.arange(len(told)), fits) if len(told) else []:
        rows = told.iloc[part]
        before = table[table["ended_at"] <= rows["started_at"].iloc[0]]
        alive = before[~before["diverged"].astype(bool)]
        if len(alive) < 2:
            continue
        made = fit(before)
        z, known_variance = observed_z(made.cuts, rows["val_error"].to_numpy(float), rows["val_n"].to_numpy(float))
        means, variances = _predicted(made, rows, known_variance)
        place = ndtr((z - means) / np.sqrt(variances)).mean(axis=0)
        inside += list(np.abs(place - 0.5) <= LEVEL / 2)
        scores += list(np.log(_density(z, means, variances).mean(axis=0)))
        seen, _ = observed_z(made.cuts, alive["val_error"].to_numpy(float), alive["val_n"].to_numpy(float))
        blind += list(np.log(_density(z, np.array(seen.mean()), np.array(max(seen.var(ddof=1), 1e-6)))))
    if not inside:
        return None
    return Foretold(len(inside), int(np.sum(inside)), float(np.mean(scores)), float(np.mean(blind)))


def _predicted(made: RegimeMap, rows: pd.DataFrame, images: Array) -> tuple[Array, Array]:
    """Means and variances [K, m] of measured z: the field as it is known, its seed noise, and the images.

    Seed noise has the tails of a Student t: a mixture of normals whose precisions are gamma distributed.
    """
    features = made.encoder.features(rows)
    levels = gamma(TAILS / 2, scale=2 / TAILS).ppf((np.arange(PRECISIONS) + 0.5) / PRECISIONS)
    parts = [(*belief.predict(features), belief.gp.noise) for belief in made.posterior.val]
    means = np.array([mean for mean, _, _ in parts for _ in levels])
    return means, np.array([sd**2 + noise / g + images for _, sd, noise in parts for g in levels])


def _density(z: Array, mean: Array, variance: Array) -> Array:
    return np.asarray(np.exp(-0.5 * (z - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance))
