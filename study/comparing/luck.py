"""How much a search's best error owes to luck: another search of the same space finds another best configuration."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from fitscape.study.errors import UserError
from fitscape.study.maps import RegimeMap
from fitscape.study.opened import OpenStudy
from fitscape.study.regimes.replicates import by_group, pooled_seed_noise, sampling_variance
from fitscape.study.regimes.rule import rate

SEARCHES: Final = 200
OWN: Final = 0.5  # share of the variance of sampling images that nets do not have in common

Array = NDArray[np.float64]


def seed_sd(study: OpenStudy) -> float:
    """Standard deviation over seeds of a logit validation error."""
    return pooled_seed_noise(by_group(study.trials)).val_sd


def luck_variance(study: OpenStudy, *, another_design: bool) -> float:
    """Variance of the true error of what a repeated search would take for the best.

    Each repetition measures configurations anew, with the noise of seeds and images, and takes the lowest. Where the
    other study ran other configurations (``another_design``), they are drawn from the space anew as well, and their
    errors are those that the map expects; without a map, from the errors that the study measured.
    """
    groups = by_group(study.trials)
    rng = np.random.default_rng(0)
    measured = [logit(rate([r.val_error for r in g], [r.val_n for r in g])).mean() for g in groups.values()]
    drawn = _drawn(study, np.array(measured), another_design, rng)
    own = [sampling_variance([r.val_error for r in g], [r.val_n for r in g])[0] for g in groups.values()]
    seeds = np.mean([len(g) for g in groups.values()])
    noise = float(np.sqrt(seed_sd(study) ** 2 / seeds + OWN * 2 * np.median(own)))  # chosen on half of the images
    chosen = (drawn + rng.normal(0, noise, drawn.shape)).argmin(axis=1)
    return float(expit(drawn[np.arange(len(drawn)), chosen]).var())


def _drawn(study: OpenStudy, measured: Array, another_design: bool, rng: np.random.Generator) -> Array:
    """[SEARCHES, configurations] logit errors of repeated searches."""
    size = (SEARCHES, len(measured))
    fitted = _map(study)
    if fitted is None:
        return rng.choice(measured, size) if another_design else np.broadcast_to(measured, size)
    if not another_design:
        return np.broadcast_to(_expected(fitted, fitted.posterior.tried), size)
    points = fitted.encoder.from_unit(rng.random((size[0] * size[1], fitted.encoder.dimensions)))
    return _expected(fitted, fitted.encoder.features(points)).reshape(size)


def _expected(fitted: RegimeMap, features: Array) -> Array:
    errors = fitted.cuts.error(fitted.fields.predict(features).val_mean)
    return np.asarray(logit(np.clip(errors, 1e-4, 1 - 1e-4)))


def _map(study: OpenStudy) -> RegimeMap | None:
    try:
        return study.map
    except UserError:
        return None
