"""One search on one landscape: ask, tell, and score the map that the trials so far give."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from benchmarks.regime_search.landscapes import Outcome
from fitscape.study.config import RegimeThresholds
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.regime_map import OPTIONAL
from fitscape.study.maps.scores import score


class Terrain(Protocol):
    """A landscape: synthetic, random or tabulated."""

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> dict[str, BaseDistribution]: ...
    @property
    def cuts(self) -> Cuts: ...
    def run(self, point: dict[str, Any], rng: np.random.Generator) -> Outcome: ...
    def test_set(self) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.bool_]]: ...


# A trial: point -> (what map and sampler are told, epochs it took).
RunTrial = Callable[[dict[str, Any], np.random.Generator], tuple[dict[str, Any], int]]


class Exhausted(Exception):
    """A sampler has no further point."""


@dataclass
class Curve:
    """Scores of the map over the number of finished trials."""

    landscape: str
    sampler: str
    pending: int
    seed: int
    n: list[int] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)  # trained so far
    scores: list[dict[str, float]] = field(default_factory=list)

    def reached(self, accuracy: float, *, epochs: bool = False) -> float:
        """Trials (or epochs) to this accuracy, interpolated in the logarithm between checkpoints; infinite if
        it was never reached.
        """
        values = [s["accuracy"] for s in self.scores]
        cost = self.epochs if epochs else self.n
        for i, value in enumerate(values):
            if value >= accuracy:
                if i == 0:
                    return float(cost[0])
                share = (accuracy - values[i - 1]) / (value - values[i - 1])
                low, high = np.log(cost[i - 1]), np.log(cost[i])
                return float(np.exp(low + share * (high - low)))
        return float("inf")

    def at(self, n: int) -> dict[str, float]:
        """The scores at the last checkpoint up to n trials."""
        return self.scores[max(i for i, mark in enumerate(self.n) if mark <= n)]


def checkpoints(last: int, first: int = 16, ratio: float = 1.12) -> list[int]:
    """Numbers of trials, spaced evenly in the logarithm."""
    marks = {round(first * ratio**k) for k in range(200)}
    return sorted(m for m in marks if m <= last)


def simulate(
    terrain: Terrain,
    name: str,
    sampler: BaseSampler,
    *,
    pending: int,
    seed: int,
    marks: list[int],
    enough: float | None = None,
    at_least: int = 0,
    run: RunTrial | None = None,
    apart: str | None = None,
) -> Curve:
    """One search with ``pending`` trials in flight, which finish in random order.

    It ends at the last mark, when ``enough`` accuracy is reached after ``at_least`` trials, or when the sampler
    is exhausted. ``run`` replaces a plain trial of one epoch. ``apart`` names a categorical hyperparameter: the Brier
    score is given for each of its values, too, as ``brier VALUE``.
    """
    rng = np.random.default_rng([seed, pending])
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    points, labels, decidable = terrain.test_set()
    curve = Curve(terrain.name, name, pending, seed)
    run = run or (lambda point, rng: (asdict(terrain.run(point, rng)), 1))
    flying: list[optuna.Trial] = []
    rows: list[dict[str, Any]] = []
    fitted: RegimeMap | None = None
    epochs = 0
    while len(rows) < marks[-1]:
        try:
            while len(flying) < pending:
                flying.append(study.ask(dict(terrain.space)))
        except Exhausted:
            break
        trial = flying.pop(int(rng.integers(len(flying))))
        outcome, spent = run(trial.params, rng)
        epochs += spent
        for key in ("diverged", *OPTIONAL):
            trial.set_user_attr(key, outcome.get(key, 0))
        if outcome["diverged"]:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [outcome["train_error"], outcome["val_error"]])
        rows.append({**trial.params, **outcome})
        if len(rows) in marks:
            fitted = _fit(terrain, rows, fitted)
            curve.n.append(len(rows))
            curve.epochs.append(epochs)
            curve.scores.append(score(fitted, points, labels, decidable).as_dict())
            for value in () if apart is None else points[apart].unique():
                of = (points[apart] == value).to_numpy()
                curve.scores[-1][f"brier {value}"] = score(fitted, points[of], labels[of], decidable[of]).brier
            if enough is not None and len(rows) >= at_least and curve.reached(enough) < np.inf:
                break
    return curve


def _fit(terrain: Terrain, rows: list[dict[str, Any]], warm: RegimeMap | None) -> RegimeMap:
    """The one surrogate that every sampler is judged by."""
    cuts = terrain.cuts
    thresholds = RegimeThresholds(tau=cuts.tau, untrained=cuts.untrained)
    fresh = RegimeMap(terrain.space, thresholds, chance_error=cuts.chance, reference_error=cuts.reference)
    return fresh.fit(pd.DataFrame(rows), warm=warm)
