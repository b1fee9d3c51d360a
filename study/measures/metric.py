"""Records as the study's metric reads them: what decides regimes, map, sampler and advice."""

from dataclasses import replace

from fitscape.study.config import Metric
from fitscape.study.records import EpochRecord, TrialRecord


def judged(trial: TrialRecord, metric: Metric) -> TrialRecord:
    """The trial with errors by the metric, and numbers of images that know them as well as independent ones would.

    Where the metric is the plain error and the images have no groups it is the trial itself, and so is any trial of an
    earlier release.
    """
    epochs = tuple(read(record, metric) for record in trial.epochs)
    return trial if all(a is b for a, b in zip(epochs, trial.epochs, strict=True)) else replace(trial, epochs=epochs)


def columns(metric: Metric) -> tuple[str, ...]:
    """The fields of a record that hold its validation error by the metric; the first that was measured counts."""
    return ("val_error",) if metric == "error" else ("val_balanced_error", "val_error")


def read(record: EpochRecord, metric: Metric) -> EpochRecord:
    """One epoch, as `judged`. Its plain errors stay in the ledger."""
    if metric == "error":
        return record if record.val_effective_n is None else _known_by(record, record.val_effective_n)
    if record.val_balanced_error is None or record.val_balanced_n is None:
        return record
    assert record.train_balanced_error is not None  # measured together
    assert record.train_balanced_n is not None
    assert record.val_balanced_error_a is not None
    assert record.val_balanced_error_b is not None
    balanced = replace(
        record,
        train_error=record.train_balanced_error,
        train_n=_whole(record.train_balanced_n),
        val_error=record.val_balanced_error,
        val_error_a=record.val_balanced_error_a,
        val_error_b=record.val_balanced_error_b,
    )
    return _known_by(balanced, record.val_balanced_n)


def _known_by(record: EpochRecord, images: float) -> EpochRecord:
    """The halves keep their shares of the validation images."""
    in_a, _ = record.halves
    whole = max(_whole(images), 2)
    return replace(record, val_n=whole, val_n_a=min(max(round(whole * in_a / record.val_n), 1), whole - 1))


def _whole(images: float) -> int:
    return max(round(images), 1)
