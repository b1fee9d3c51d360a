"""How long one suggestion takes late in a large study, beside Optuna's TPE in the same process.

    python -m benchmarks.regime_search.ask_time

1,000 finished and 32 pending trials, 6 hyperparameters, two objectives, one thread; 80 asks, so that refits of the
hyperparameters are among them. Before each ask one pending trial ends. The first ask is that of a sampler that
has just started, as after `fitscape resume`. Writes benchmarks/results/ask_time-DATE.json and adds a paragraph
to the day's report.
"""

import argparse
import json
import time
from collections import deque
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState
from threadpoolctl import threadpool_limits

from benchmarks import machine
from benchmarks.clocks import Span
from benchmarks.regime_search import report
from benchmarks.regime_search.landscapes import divergence_cliff
from fitscape.study.maps.encoding import Encoder
from fitscape.study.search import RegimeSampler

FINISHED, PENDING, ASKS = 1000, 32, 80
LANDSCAPE = divergence_cliff()
SPACE: dict[str, BaseDistribution] = {
    **LANDSCAPE.space,
    "dropout": FloatDistribution(0, 0.5),
    "norm": CategoricalDistribution(["batch", "none"]),
}


class Asked:
    """One sampler's study."""

    def __init__(self, sampler: BaseSampler) -> None:
        self.study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        self.rng = np.random.default_rng(0)
        encoder, self.spans = Encoder(SPACE), list[Span]()
        points: list[Any] = encoder.from_unit(encoder.sobol(FINISHED + PENDING, seed=0)).to_dict("records")
        for i, point in enumerate(points):
            state, values, attributes = self._outcome(point) if i < FINISHED else (TrialState.RUNNING, None, {})
            frozen = optuna.trial.create_trial(
                state=state, values=values, params=dict(point), distributions=SPACE, user_attrs=attributes
            )
            self.study.add_trial(frozen)
        self.pending = deque(Trial(self.study, t._trial_id) for t in self.study.get_trials()[FINISHED:])

    def _outcome(self, point: dict[str, Any]) -> tuple[TrialState, list[float] | None, dict[str, Any]]:
        run = LANDSCAPE.run({name: point[name] for name in LANDSCAPE.space}, self.rng)
        counts = {"train_n": run.train_n, "val_n": run.val_n, "diverged": run.diverged}
        return (
            (TrialState.FAIL, None, counts)
            if run.diverged
            else (TrialState.COMPLETE, [run.train_error, run.val_error], counts)
        )

    def step(self) -> None:
        """One pending trial ends, another is asked for."""
        ended = self.pending.popleft()
        state, values, attributes = self._outcome(ended.params)
        for name, value in attributes.items():
            ended.set_user_attr(name, value)
        self.study.tell(ended, values, state=state)
        start = Span.now()
        self.pending.append(self.study.ask(SPACE))
        self.spans.append(Span.now().since(start))


def figures(spans: list[Span]) -> dict[str, float]:
    """Milliseconds: by the wall, and (less at the mercy of other work) of this process's CPU."""
    found: dict[str, float] = {}
    for clock in ("wall", "cpu"):
        times = np.array([getattr(span, clock) for span in spans]) * 1000
        found |= {
            f"{clock}_first": round(float(times[0]), 1),
            f"{clock}_median": round(float(np.median(times)), 1),
            f"{clock}_p90": round(float(np.quantile(times, 0.9)), 1),
            f"{clock}_worst": round(float(times.max()), 1),
        }
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cuts = LANDSCAPE.cuts
    samplers = {
        "regime": RegimeSampler(SPACE, chance_error=cuts.chance, reference_error=cuts.reference, tau=cuts.tau, seed=0),
        "tpe": TPESampler(seed=0),
    }
    asked = {name: Asked(sampler) for name, sampler in samplers.items()}
    with threadpool_limits(1):
        for _ in range(ASKS):
            for one in asked.values():
                one.step()
    result = {
        "finished": FINISHED, "pending": PENDING, "dials": len(SPACE), "asks": ASKS,
        "milliseconds": {name: figures(one.spans) for name, one in asked.items()}, "machine": machine.facts(),
    }  # fmt: skip
    path = report.RESULTS / f"ask_time-{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(report.ask_time(path))
    day = report.RESULTS / f"regime_search-{time.strftime('%Y-%m-%d')}.md"
    if day.exists():
        day.write_text(day.read_text().split("\n## One ask")[0] + report.ask_time(path))


if __name__ == "__main__":
    main()
