"""What a study came to as metrics and params of its parent run, so that MLflow's own page compares studies."""

import math
from collections import Counter
from typing import Any, Final

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.measures.metric import judged
from fitscape.study.records import Label, Regime, TrialState
from fitscape.study.tracking import entries
from fitscape.study.tracking.projection import Point, milliseconds

DATA: Final = ("dataset", "image_size", "metric", "limit", "split_seed")


def points(ledger: Ledger, labels: dict[str, Label]) -> list[Point]:
    """Counts of trials by regime, ``decided_share``, ``best_val_error`` by the study's metric, ``trial_seconds``.

    The step is the number of ended trials, and the time that of the last end: a repetition adds nothing.
    """
    trials = [judged(trial, ledger.config.data.metric) for trial in ledger.trials()]
    ended = [trial for trial in trials if trial.state.terminal]
    if not ended:
        return []
    found = Counter(label.regime for label in labels.values())
    best = [t.last.val_error for t in ended if t.state is TrialState.FINISHED and t.last is not None]
    values: dict[str, float] = {f"regimes.{regime.value}": found[regime] for regime in Regime}
    values |= {"trials_ended": len(ended), "trial_seconds": ledger.seconds()}
    if labels:
        values["decided_share"] = 1 - found[Regime.UNDECIDED] / len(labels)
    if finite := [error for error in best if math.isfinite(error)]:
        values["best_val_error"] = min(finite)
    at = milliseconds(max(trial.ended_at or 0.0 for trial in ended)) or 0
    return [Point(key, float(value), at, len(ended)) for key, value in values.items()]


def params(config: StudyConfig) -> dict[str, str]:
    """What is searched, and the values of the rest; not the number of trials, which a resume may raise."""
    written = config.model_dump(mode="json")
    searched = written["space"]
    space = {f"space.{name}": _range(r) for name, r in searched.items()} if isinstance(searched, dict) else searched
    values: dict[str, Any] = {
        "recipe": config.recipe or "",
        **{f"data.{name}": written["data"][name] for name in DATA},
        **{f"search.{name}": written["search"][name] for name in ("sampler", "seeds", "seed")},
        "regimes.tau": config.regimes.tau,
        **(space if isinstance(space, dict) else {"space": space}),
        **{name: value for name, value in config.base.shown().items() if name not in searched and name != "seed"},
    }
    short, _ = entries.params(values)
    return short


def _range(hyperparameter: dict[str, Any]) -> str:
    if "choices" in hyperparameter:
        return ", ".join(map(str, hyperparameter["choices"]))
    return f"{hyperparameter['low']:g} to {hyperparameter['high']:g}" + (" (log)" if hyperparameter["log"] else "")
