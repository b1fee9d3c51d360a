"""How much a search's best error owes to luck: another search of the same space finds another best configuration."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from fitscape.study.errors import UserError
from fitscape.study.maps import RegimeMap
from fitscape.study.opened import OpenStudy
from fitscape.study.regimes.replicates import by_group, pooled_seed_noise, sampling_variance
from fitscape.study.regimes.rule import rate

SEARCHES: Final = 100
OWN: Final = 0.5  # share of the variance of sampling images that nets do not have in common

Array = NDArray[np.float64]


def luck_variance(study: OpenStudy, *, another_design: bool) -> float:
    """Variance of the error, sampling of images apart, of the nets that a repeated search would take for the best.

    Each repetition trains configurations anew, measures them with the noise of seeds and images, and takes the lowest:
    lucky seeds are chosen in every repetition, so they vary less than any seed does. Where the other study ran other
    configurations (``another_design``), they are drawn from the space anew as well, evenly; their errors are those that
    the map expects, and without a map those that the study measured.
    """
    groups = by_group(study.trials)
    rng = np.random.default_rng(0)
    measured = [logit(rate([r.val_error for r in g], [r.val_n for r in g])).mean() for g in groups.values()]
    drawn = _drawn(study, np.array(measured), another_design, rng)
    own = [sampling_variance([r.val_error for r in g], [r.val_n for r in g])[0] for g in groups.values()]
    noise = pooled_seed_noise(groups, study.config.data.overlap)
    of_mean = noise.of_mean(np.mean([len(g) for g in groups.values()]))
    drawn = drawn + rng.normal(0, noise.val_sd * np.sqrt(of_mean), drawn.shape)
    sampling = float(np.sqrt(OWN * 2 * np.median(own)))  # of the half of the images that chooses
    chosen = (drawn + rng.normal(0, sampling, drawn.shape)).argmin(axis=1)
    return float(expit(drawn[np.arange(len(drawn)), chosen]).var())


def _drawn(study: OpenStudy, measured: Array, another_design: bool, rng: np.random.Generator) -> Array:
    """[SEARCHES, configurations] logit errors of repeated searches."""
    size = (SEARCHES, len(measured))
    fitted = _map(study)
    if fitted is None:
        return rng.choice(measured, size) if another_design else np.broadcast_to(measured, size)
    if not another_design:
        return np.broadcast_to(_expected(fitted, fitted.posterior.configurations), size)
    designs = [fitted.encoder.from_unit(fitted.encoder.sobol(size[1], seed)) for seed in range(SEARCHES)]
    return _expected(fitted, fitted.encoder.features(pd.concat(designs, ignore_index=True))).reshape(size)


def _expected(fitted: RegimeMap, features: Array) -> Array:
    errors = fitted.cuts.error(fitted.fields.predict(features).val_mean)
    return np.asarray(logit(np.clip(errors, 1e-4, 1 - 1e-4)))


def _map(study: OpenStudy) -> RegimeMap | None:
    try:
        return study.map
    except UserError:
        return None
