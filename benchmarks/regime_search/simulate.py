"""One search on one landscape: ask, tell, and score the map that the trials so far give."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from benchmarks.regime_search.landscapes import Landscape
from study.config import RegimeThresholds
from study.maps import RegimeMap
from study.maps.scores import score

MakeSampler = Callable[[Landscape, int], BaseSampler]


@dataclass
class Curve:
    """Scores of the map over the number of finished trials."""

    landscape: str
    sampler: str
    pending: int
    seed: int
    n: list[int] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)

    def reached(self, accuracy: float) -> float:
        """Trials to this accuracy, interpolated in log n between checkpoints; infinite if never."""
        values = [s["accuracy"] for s in self.scores]
        for i, value in enumerate(values):
            if value >= accuracy:
                if i == 0:
                    return float(self.n[0])
                share = (accuracy - values[i - 1]) / (value - values[i - 1])
                low, high = np.log(self.n[i - 1]), np.log(self.n[i])
                return float(np.exp(low + share * (high - low)))
        return float("inf")

    def mean_error(self, low: int, high: int) -> float:
        """Mean of 1 - accuracy over log n between two checkpoints."""
        n = np.array(self.n)
        inside = (n >= low) & (n <= high)
        return float(1 - np.mean([s["accuracy"] for s, take in zip(self.scores, inside, strict=True) if take]))


def checkpoints(last: int, first: int = 16, ratio: float = 1.12) -> list[int]:
    """Numbers of trials, spaced evenly in the logarithm."""
    marks = {round(first * ratio**k) for k in range(200)}
    return sorted(m for m in marks if m <= last)


def simulate(
    landscape: Landscape,
    name: str,
    make: MakeSampler,
    *,
    pending: int,
    seed: int,
    marks: list[int],
    enough: float | None = None,
) -> Curve:
    """Run one search with ``pending`` trials in flight; stop early once ``enough`` accuracy is reached.

    Trials finish in random order. A search whose sampler is exhausted ends there.
    """
    rng = np.random.default_rng([seed, pending])
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make(landscape, seed))
    points, labels, decidable = landscape.test_set()
    curve = Curve(landscape.name, name, pending, seed)
    flying: list[optuna.Trial] = []
    rows: list[dict[str, Any]] = []
    previous: RegimeMap | None = None
    space: dict[str, BaseDistribution] = dict(landscape.space)
    while len(rows) < marks[-1]:
        try:
            while len(flying) < pending:
                flying.append(study.ask(space))
        except RuntimeError:  # GridSampler stops the study when it has no point left
            break
        trial = flying.pop(int(rng.integers(len(flying))))
        outcome = landscape.run(trial.params, rng)
        for key in ("diverged", "train_n", "val_n", "label_noise"):
            trial.set_user_attr(key, getattr(outcome, key))
        if outcome.diverged:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [outcome.train_error, outcome.val_error])
        rows.append({**trial.params, **asdict(outcome)})
        if len(rows) in marks:
            cuts = landscape.cuts
            previous = RegimeMap(
                space, RegimeThresholds(tau=cuts.tau), chance_error=cuts.chance, reference_error=cuts.reference
            ).fit(pd.DataFrame(rows), warm=previous)
            curve.n.append(len(rows))
            curve.scores.append(score(previous, points, labels, decidable).as_dict())
            if enough is not None and curve.scores[-1]["accuracy"] >= enough:
                break
    return curve
