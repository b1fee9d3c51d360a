"""Optuna's samplers as a study takes them, for two directions (train_error, val_error)."""

from collections.abc import Callable, Sequence
from typing import Any

from optuna.samplers import BaseSampler, TPESampler

from fitscape.models.reference import CodeReference
from fitscape.study.config import StudyConfig
from fitscape.study.samplers import SAMPLERS
from fitscape.study.search.space import Space

REFIT_BESIDE = 256  # finished trials; a refit of fewer takes a second or two

Cost = Callable[[Sequence[dict[str, Any]]], Any]  # points -> [n] relative cost, or None where nothing is known


def make_sampler(
    config: StudyConfig, space: Space, *, chance_error: float, classes: float, seed: int, cost: Cost | None = None
) -> BaseSampler:
    """The adaptive sampler that the study names.

    Args:
        chance_error: error of always answering the majority class, on validation.
        classes: of the data set.
        seed: of the sampler's own draws.
        cost: what trials at given points take, for a sampler that looks at it.
    """
    name = config.search.sampler
    facts: dict[str, Any] = {"chance_error": chance_error, "classes": classes, "seed": seed}
    sampler: BaseSampler
    if name in SAMPLERS:
        sampler = SAMPLERS[name].load()(config, space, **facts, cost=cost)
    else:
        sampler = CodeReference.parse(name).load()(space, **facts)
    return sampler


def tpe(
    config: StudyConfig, space: Space, *, chance_error: float, classes: float, seed: int, cost: Cost | None = None
) -> BaseSampler:
    """Without the constant liar, parallel workers would be sent to the same spot."""
    return TPESampler(seed=seed, multivariate=True, constant_liar=True, warn_independent_sampling=False)


def regime(
    config: StudyConfig, space: Space, *, chance_error: float, classes: float, seed: int, cost: Cost | None = None
) -> BaseSampler:
    """Our own, which seeks the boundaries of the map."""
    from fitscape.study.search.regime_sampler import RegimeSampler

    return RegimeSampler(
        space,
        chance_error=chance_error,
        reference_error=config.regimes.reference_error,
        tau=config.regimes.tau,
        untrained=config.regimes.untrained,
        classes=classes,
        seed=seed,
        cost=cost,
        beside=REFIT_BESIDE,
    )
