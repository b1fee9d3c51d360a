"""A landscape with every regime, and searches of it by the boundary-seeking sampler."""

from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from scipy.special import expit

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder
from fitscape.study.search import RegimeSampler

SPACE: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-3, 1, log=True),
    "width": FloatDistribution(0, 1),
    "depth": IntDistribution(1, 32, log=True),
    "norm": CategoricalDistribution(["batch", "none"]),
}
CUTS = Cuts(0.9, 0.05, 0.1)


def make_sampler(seed: int | None = 0, space: dict[str, BaseDistribution] = SPACE, **given: Any) -> RegimeSampler:
    given = {"chance_error": 0.9, "reference_error": 0.05, "tau": 0.1, **given}
    return RegimeSampler(space, seed=seed, **given)


def outcome(params: dict[str, Any]) -> tuple[list[float], bool]:
    """Training and validation error of a point, and whether it diverges, which high rates do."""
    x = Encoder(SPACE).features(pd.DataFrame([params]))[0]
    train = expit(1.5 - 5 * x[0] - 2 * x[1])
    return [train, max(0.05, min(train + expit(4 * x[1] - 3), 0.97))], bool(x[0] > 0.85)


def finish(study: optuna.Study, trial: optuna.Trial) -> None:
    values, diverged = outcome(trial.params)
    trial.set_user_attr("diverged", diverged)
    study.tell(trial, None if diverged else values, state=TrialState.FAIL if diverged else None)


def search(n: int, sampler: RegimeSampler, pending: int = 1) -> optuna.Study:
    """So many trials to their end, of which as many as ``pending`` are under way at once."""
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    flying: list[optuna.Trial] = []
    for _ in range(n):
        while len(flying) < pending:
            flying.append(study.ask(SPACE))
        finish(study, flying.pop(0))
    return study


def points(study: optuna.Study) -> np.ndarray:
    """What was asked, as features [trials, columns]."""
    return Encoder(SPACE).features(pd.DataFrame([t.params for t in study.trials]))
