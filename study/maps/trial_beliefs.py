"""What a map adds to each trial's own runs: what is known of its configuration from all trials of the study.

The neighbours speak through the map's prediction from all *other* configurations, with the variance that the residuals
of such predictions ask for. A prediction that had seen the configuration would count its runs twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.field_belief import FieldBelief
from fitscape.study.maps.regime_map import RegimeMap
from fitscape.study.regimes.evidence import Draws, More
from fitscape.study.regimes.rule import CONFLICT

Array = NDArray[np.float64]

STRUCTURE: Final = 0.5  # share of what the map leaves unexplained that is taken for structure, and not for seed noise
LEAST_CONFIGURATIONS: Final = 16  # from which the map has a say where hardly any configuration has a second seed
LEAST_REPLICATED: Final = 8  # ... and where seeds are known from at least half as many replicates
PER_SQUARE: Final = 2.0  # configurations without replicates that a map needs, times the square of its dimensions


@dataclass(frozen=True, eq=False)
class RowBeliefs:
    """One field at each row [n], from the runs of its configuration and from all other configurations."""

    mean: Array
    sd: Array
    seed: Array  # variances of a run around its configuration's error: of its seed, and of its images
    images: Array
    runs: Array
    overlap: float = 0.0

    @classmethod
    def of(cls, belief: FieldBelief, configurations: NDArray[np.intp], overlap: float = 0.0) -> Self:
        """``overlap`` as in ``regimes.SeedNoise``: above 0, runs of a configuration are folds and add up to less."""
        gp, (mean, variance) = belief.gp, belief.without
        y, images = gp.centre + gp.scale * gp.y, gp.scale**2 * gp.known
        seed = np.full(gp.n, max(gp.noise - STRUCTURE * belief.hidden, 1e-9))
        noise = seed + images
        weight = 1 / noise
        which = np.unique(configurations, return_inverse=True)[1].ravel()
        runs = np.bincount(which)[which].astype(float)
        weight = weight / (1 + runs * overlap)
        total, sums = (np.bincount(which, w)[which] for w in (weight, weight * y))
        rest = 1 / variance + total - weight  # all evidence but the run itself
        expected = (mean / variance + sums - weight * y) / rest
        alone = np.abs(y - expected) > CONFLICT * np.sqrt(1 / rest + noise)
        precision = 1 / variance + total
        return cls(
            np.where(alone, y, (mean / variance + sums) / precision),
            np.sqrt(np.where(alone, noise, 1 / precision)),
            seed,
            images,
            np.where(alone, 1.0, runs),
            overlap,
        )

    def sd_with(self, more: More) -> Array:
        """The standard deviation [n] after evidence that leaves the mean where it is."""
        noise, sharper = self.seed + self.images, self.seed + self.images / more.images
        told = self._precision(self.runs, noise)
        precision = 1 / self.sd**2 - told + self._precision(self.runs + more.seeds, sharper)
        return np.asarray(1 / np.sqrt(precision))

    def _precision(self, runs: Array, noise: Array) -> Array:
        """Of the mean of so many runs."""
        return runs / (noise * (1 + runs * self.overlap))


class TrialBeliefs:
    """Beliefs (:class:`study.regimes.evidence.Beliefs`) about the trials of a fitted map that ended with finite errors.

    Where the map's word does not help, no trial is held (:func:`helps`).
    """

    def __init__(self, fitted: RegimeMap, overlap: float = 0.0) -> None:
        """``overlap`` as in ``regimes.SeedNoise``."""
        self.posterior = fitted.posterior
        self._row: dict[str, int] = {}
        self._val: list[RowBeliefs] = []
        if not helps(fitted):
            return
        self._row = {str(trial_id): row for row, trial_id in enumerate(fitted.evidence[~fitted.diverged])}
        components, rows = self.posterior.components, self.posterior.rows
        self._val = [RowBeliefs.of(one.val, rows, overlap) for one in components]
        self._train = [RowBeliefs.of(one.train, rows, overlap) for one in components]
        x = self.posterior.fields.val.x
        self._given = [
            self.posterior.given_reference(one, x, told.mean, told.sd)
            for one, told in zip(components, self._val, strict=True)
        ]

    @property
    def reference(self) -> Array:
        """One reference error a component [K]."""
        return np.array([self.posterior.law(one).reference for one in self.posterior.components])

    def holds(self, trial_id: str) -> bool:
        return trial_id in self._row

    def draws(self, trial_ids: Sequence[str], normals: tuple[Array, Array], more: More) -> Draws:
        """Errors [T, R] against clean labels; draw r is of component r modulo K, as that of the reference is."""
        rows = np.array([self._row[trial_id] for trial_id in trial_ids], dtype=np.intp)
        train, val = (np.empty((len(rows), len(normal))) for normal in normals)
        count = len(self._val)
        for k, (mean, sd) in enumerate(self._given):
            narrowed = sd * self._val[k].sd_with(more) / self._val[k].sd
            val[:, k::count] = mean[rows, None] + narrowed[rows, None] * normals[1][k::count]
            told = self._train[k]
            train[:, k::count] = told.mean[rows, None] + told.sd_with(more)[rows, None] * normals[0][k::count]
        scale = self.posterior.fields.cuts
        return Draws(scale.error(train), scale.error(val))


def helps(fitted: RegimeMap) -> bool:
    """Whether neighbours tell more than they mislead: with replicates, or with configurations enough for the space.

    Without replicates the map cannot tell seeds from structure. On random landscapes it then decided hardly more labels
    than the runs alone, or fewer, and more of them wrongly, below about 2 d^2 configurations in d searched
    hyperparameters (24 in four, 48 in six). The rule was chosen on these; docs/LOG.md has the figures.
    """
    runs, configurations = fitted.fields.val.n, len(fitted.posterior.configurations)
    if 2 * (runs - configurations) >= configurations >= LEAST_REPLICATED:
        return True
    return configurations >= max(LEAST_CONFIGURATIONS, PER_SQUARE * fitted.encoder.dimensions**2)
