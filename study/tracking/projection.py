"""What MLflow shows of a trial: pure functions of the ledger's record, so that a rebuild gives the same."""

import json
import math
import sys
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from fitscape.study.records import EpochRecord, Label, TrialRecord, TrialState
from fitscape.study.tracking import entries

# MLflow has no status for "stopped" or "diverged": status and the tag `state` together distinguish the ends.
STATUS = {
    TrialState.PENDING: "KILLED",  # had begun; its driver went away
    TrialState.RUNNING: "RUNNING",
    TrialState.FINISHED: "FINISHED",
    TrialState.STOPPED: "FINISHED",
    TrialState.DIVERGED: "FINISHED",
    TrialState.FAILED: "FAILED",
}


MOST_SHOWN: Final = 500  # epochs of a trial


class Point(NamedTuple):
    """One metric value. ``time`` is in milliseconds and always the original one, which makes a replay add nothing."""

    key: str
    value: float
    time: int
    step: int


def begun(trial: TrialRecord) -> bool:
    """Whether the trial has a run; one that only waits has none."""
    return trial.attempts > 0 or trial.state.terminal


def status(trial: TrialRecord) -> str:
    return STATUS[trial.state]


def run_name(trial: TrialRecord) -> str:
    return f"{trial.number:04d} {trial.config.model.name}"


def metrics(record: EpochRecord) -> dict[str, float]:
    """The curves worth looking at; gradient norms by layer stay in the ledger."""
    values = {
        "train_error": record.train_error,
        "val_error": record.val_error,
        "train_loss": record.train_loss,
        "val_loss": record.val_loss,
        "gap": record.gap,
        "train_balanced_error": record.train_balanced_error,
        "val_balanced_error": record.val_balanced_error,
        "val_macro_f1": record.val_macro_f1,
        "batch_loss": record.batch_loss,
        "learning_rate": record.learning_rate,
        # under "system/", where MLflow's page of a run has a tab for them
        "system/images_per_second": record.images_per_second,
        "system/train_seconds": record.train_seconds,
        "system/eval_seconds": record.eval_seconds,
        "system/peak_memory_mib": record.peak_memory_mib,
        "gradient_norm": _gradient_norm(record),
        "gradient_ratio": record.gradient_ratio,
        "memorized_train": record.memorized_train,
        "memorized_val": record.memorized_val,
    }
    return {key: value for key, value in values.items() if value is not None}


def _gradient_norm(record: EpochRecord) -> float | None:
    """Of the whole net, at the last probed step."""
    return math.hypot(*record.gradients[-1].gradient_norms) if record.gradients else None


def every(trial: TrialRecord) -> int:
    """Of how many epochs one is shown: of so many that ``MOST_SHOWN`` and the ends are not exceeded."""
    return -(-trial.config.optimization.epochs // MOST_SHOWN)


def shown(trial: TrialRecord) -> list[EpochRecord]:
    """The epochs that MLflow shows: the first, every k-th (``every``) and, once the trial has ended, the last.

    Each point costs MLflow half a millisecond. The ledger, an artifact of the parent, has them all.
    """
    step = every(trial)
    last = trial.last if trial.state.terminal else None
    return [e for e in trial.epochs if e.epoch == 1 or e.epoch % step == 0 or e is last]


def points(record: EpochRecord) -> list[Point]:
    """NaN stays NaN. MLflow cannot hold an infinity: it becomes the largest float, and `infinite` names it."""
    at = round(record.time * 1000) if math.isfinite(record.time) else 0
    return [Point(key, _clipped(value), at, record.epoch) for key, value in metrics(record).items()]


def _clipped(value: float) -> float:
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def infinite(records: Iterable[EpochRecord], known: str = "{}") -> dict[str, str]:
    """The tag that names the epochs at which a metric was infinite, added to what was ``known``; none, no tag."""
    found: dict[str, list[int]] = json.loads(known)
    for record in records:
        for key, value in metrics(record).items():
            if math.isinf(value):
                found[key] = sorted({*found.get(key, ()), record.epoch})
    return entries.tags({"infinite": json.dumps(found)}) if found else {}


def params(trial: TrialRecord) -> tuple[dict[str, str], dict[str, str]]:
    """Every hyperparameter of the trial, and the tags that hold what does not fit into params."""
    size = {"parameters": trial.size.parameters, "flops": trial.size.flops} if trial.size else {}
    return entries.params(trial.hyperparameters | trial.config.shown() | size)


def tags(trial: TrialRecord, label: Label | None, study: str) -> dict[str, str]:
    interrupted = trial.state is TrialState.PENDING
    values: dict[str, Any] = {
        "study": study,
        "family": trial.config.model.family,
        "origin": trial.origin,
        "number": trial.number,
        "state": "interrupted" if interrupted else trial.state.value,
        "attempts": trial.attempts,
        "node": trial.node,
        "device": trial.device,
        "message": trial.message,
        "group_id": trial.config.group_id,
        **{f"extra.{key}": value for key, value in trial.extra.items()},
    }
    if (step := every(trial)) > 1:
        values["epochs_shown"] = f"the first, the last, and those that {step} divides; the parent's ledger has all"
    if label is not None:
        values |= {
            "regime": label.regime.value,
            "regime_set": " or ".join(regime.value for regime in label.regime_set),
            "regime_probability": f"{label.probability:.3f}",
            "regime_epoch": label.epoch,
            "regime_flags": " ".join(label.flags),
        }
    return entries.tags(values)


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
