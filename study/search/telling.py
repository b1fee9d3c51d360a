"""The runs that would decide most: where one more observation says most about where regimes end."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import optuna

from fitscape.study.config import StudyConfig
from fitscape.study.records import TrialRecord
from fitscape.study.search.optuna_study import build_study, measured
from fitscape.study.search.regime_sampler import RegimeSampler
from fitscape.study.search.space import Point, Space, point_of

MOST_TRIALS: Final = 1000  # that the belief rests on: its cost grows with their cube


def most_telling(
    trials: Sequence[TrialRecord],
    config: StudyConfig,
    space: Space,
    *,
    chance_error: float,
    classes: int,
    count: int,
    seed: int = 0,
) -> list[Point]:
    """Points of the space to run next, all at once: each is chosen as if those before it were running.

    By the same acquisition as ``--sampler regime``. A point that was run already is meant with another seed. With
    fewer trials than a model needs, the points are spread evenly.
    """
    told = [t for t in trials if measured(t, classes) is not None and point_of(t.config, space) is not None]
    if len(told) > MOST_TRIALS:
        chosen = np.random.default_rng(seed).choice(len(told), MOST_TRIALS, replace=False)
        told = [told[i] for i in sorted(chosen)]
    sampler = RegimeSampler(
        space,
        chance_error=chance_error,
        reference_error=config.regimes.reference_error,
        tau=config.regimes.tau,
        untrained=config.regimes.untrained,
        classes=classes,
        seed=seed,
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would greet each study that it holds in memory
    study = build_study(told, space, classes=classes, sampler=sampler)
    return [dict(study.ask(dict(space)).params) for _ in range(count)]
