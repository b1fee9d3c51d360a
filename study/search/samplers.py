"""The adaptive Optuna samplers by name."""

from optuna.samplers import BaseSampler, TPESampler

from fitscape.study.config import StudyConfig
from fitscape.study.search.space import Space


def make_sampler(config: StudyConfig, space: Space, *, chance_error: float, classes: float, seed: int) -> BaseSampler:
    """The sampler that the study names, for two directions (train_error, val_error).

    Args:
        chance_error: error of always answering the majority class, on validation.
        classes: of the data set.
        seed: of the sampler's own draws.
    """
    if config.search.sampler == "tpe":
        # Without the constant liar, parallel workers would be sent to the same spot.
        return TPESampler(seed=seed, multivariate=True, constant_liar=True, warn_independent_sampling=False)
    assert config.search.sampler == "regime"
    from fitscape.study.search.regime_sampler import RegimeSampler

    return RegimeSampler(
        space,
        chance_error=chance_error,
        reference_error=config.regimes.reference_error,
        tau=config.regimes.tau,
        untrained=config.regimes.untrained,
        classes=classes,
        seed=seed,
    )
