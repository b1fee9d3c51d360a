"""Trials and times in a few words, the same in every command."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from fitscape.study.reading.document import printable
from fitscape.study.records import Label, Regime, TrialRecord, TrialState

NAMED = 3  # of the files that cannot be read


def duration(seconds: float) -> str:
    """``4 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: int) -> str:
    """Bytes as ``12.4 MB``; kilobytes are 1,000 bytes."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def described(trial: TrialRecord) -> str:
    """A trial's network and the hyperparameters that were set."""
    said = () if trial.config.model.read else ("architecture", "family", "depth")  # by the name of the net
    hyperparameters = {k: v for k, v in trial.hyperparameters.items() if k not in said}
    values = (f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in hyperparameters.items())
    return " ".join((trial.config.model.name, *values))


def outcome(trial: TrialRecord) -> str:
    """How a trial ended, in one line."""
    last = trial.last
    errors = f"training error {last.train_error:.3f}, validation error {last.val_error:.3f}, " if last else ""
    why = f": {trial.message}" if trial.message else ""
    return f"{trial.trial_id} {trial.state.value}{why}  {errors}{duration(trial.seconds)}  {described(trial)}"


def left_out(data: dict[str, Any]) -> str:
    """The files of a data set that cannot be read: how many and the first few, in one line. Empty: all were read.

    Args:
        data: as ``SealedData.summary`` has it.
    """
    files = data.get("unreadable", ())
    if not files:
        return ""
    named = "; ".join(printable(file, 120) for file in files[:NAMED]) + ("; ..." if files[NAMED:] else "")
    return f"{len(files)} of {data['read'] + len(files)} files cannot be read and are left out: {named}"


def regimes_in_words(labels: Iterable[Label]) -> str:
    """``3 good, 1 overfit``, in the order of the regimes."""
    found = Counter(label.regime for label in labels)
    return ", ".join(f"{found[regime]} {regime}" for regime in Regime if found[regime]) or "no label"


def between(labels: Iterable[Label]) -> dict[str, int]:
    """Of undecided labels, how many lie between which regimes, the most frequent first."""
    open_ = [label.regime_set for label in labels if label.regime is Regime.UNDECIDED]
    # A set of one: the study asks for more confidence than a set does.
    names = (" or ".join(regime for regime in Regime if regime in s) if len(s) > 1 else "undecided" for s in open_)
    return dict(Counter(names).most_common())


def val_error(trial: TrialRecord) -> float:
    """Validation error of the last epoch; NaN before the first."""
    return trial.last.val_error if trial.last else math.nan


def named(metric: str) -> str:
    """The study's metric on validation, in words."""
    return "balanced validation error" if metric == "balanced_error" else "validation error"


def best_of(trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """The finished trial of the lowest last validation error."""
    ended = [t for t in trials if t.state is TrialState.FINISHED and math.isfinite(val_error(t))]
    return min(ended, key=val_error, default=None)
