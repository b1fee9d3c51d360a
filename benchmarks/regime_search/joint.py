"""Search and early stopping together, on the real learning curves of R1."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.regime_search.tabulated import DigitsNets
from fitscape.study.config import RegimeThresholds, StoppingConfig
from fitscape.study.search.stopping import StoppingRule


@dataclass
class StoppedRuns:
    """Runs trials under the stopping rule and keeps count; ``full`` is what they would have taken."""

    terrain: DigitsNets
    seed: int
    stopping: bool
    spent: int = 0
    full: int = 0
    stopped: int = 0  # with a label
    flipped: int = 0  # of those, how many end in another regime
    unlabelled: int = 0  # stopped without one
    trials: int = 0
    rule: StoppingRule = field(init=False)

    def __post_init__(self) -> None:
        cuts = self.terrain.cuts
        self.rule = StoppingRule(
            self.terrain.space,
            RegimeThresholds(tau=cuts.tau),
            StoppingConfig(enabled=True),
            chance_error=cuts.chance,
            reference_error=cuts.reference,
            seed=self.seed,
        )

    def __call__(self, point: dict[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], int]:
        run = self.terrain.replay(point, rng)
        name, self.trials = f"{self.seed}-{self.trials}", self.trials + 1
        ran = len(run.train)
        counts = {"train_n": run.train_n, "val_n": run.val_n}
        self.full += ran
        for epoch in range(1, ran + 1):
            over = run.diverged and epoch == ran
            train, val = (np.nan, np.nan) if over else (run.train[epoch - 1], run.val[epoch - 1])
            decision = self.rule.observe(name, point, epoch, run.total, train, val) if self.stopping else None
            if decision is not None and not over:
                self.spent += epoch
                self.stopped += decision.labelled
                self.unlabelled += not decision.labelled
                end = self._label(run.train[-1], run.val[-1], run.diverged)
                self.flipped += decision.labelled and decision.label != end
                return decision.outcome(), epoch
        self.rule.finish(name, diverged=run.diverged)
        self.spent += ran
        if run.diverged:
            return {"train_error": np.nan, "val_error": np.nan, "diverged": True, **counts}, ran
        return {"train_error": run.train[-1], "val_error": run.val[-1], "diverged": False, **counts}, ran

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("spent", "full", "stopped", "flipped", "unlabelled", "trials")}

    def _label(self, train: float, val: float, diverged: bool) -> str:
        return str(self.terrain.cuts.labels(np.array([train]), np.array([val]), np.array([diverged]))[0])
