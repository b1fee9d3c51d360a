"""Fashion-MNIST made 100:1: the same nets judged by the plain error and by the balanced error.

    python -m benchmarks.imbalance        about ten minutes on one core; writes benchmarks/results/imbalance-DATE.json

Five classes keep 3,000 training and 3,000 validation images each, five keep 30 and 30. A small ResNet is trained at two
widths, without and with class weights, three seeds each. Every trial is trained once: both metrics read the same
records.
"""

import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import facts
from benchmarks.record import RESULTS
from fitscape.study.config import DataConfig, Metric, StudyConfig
from fitscape.study.data import TrialData, load
from fitscape.study.data.splits import stratified_order, stream
from fitscape.study.ledger import Ledger
from fitscape.study.opened import OpenStudy, open_study
from fitscape.study.records import TrialState
from fitscape.study.regimes import final_record
from fitscape.study.training import Settings, run_trial

COMMON, RARE = 3000, 30  # images of a class, in training and in validation
RARE_CLASSES: Final = (0, 2, 4, 6, 9)  # shirts and coats, which are hard to tell apart, and boots
METRICS: Final[tuple[Metric, ...]] = ("error", "balanced_error")
STUDY: Final = {
    "name": "imbalance",
    "data": {"dataset": "fashion_mnist", "image_size": 14},
    "base": {
        "model": {"family": "resnet", "depth": 20},
        "optimization": {"epochs": 5, "batch_size": 128},
    },
    "space": {
        "width": {"low": 0.125, "high": 0.5, "log": True},
        "class_weights": {"choices": ["none", "balanced"]},
    },
}
WIDTHS: Final = (0.125, 0.25)
SEEDS: Final = 3


def imbalanced(whole: TrialData) -> TrialData:
    """Training and validation drawn from what Fashion-MNIST has outside its test part."""
    images = torch.cat([whole.train_images, whole.val_images])
    labels = torch.cat([whole.train_labels, whole.val_labels])
    moments = torch.cat([whole.train_moments, _moments(whole.val_images)])
    train, validation, half = [], [], []
    rng = np.random.default_rng(0)
    for c in range(len(whole.classes)):
        members = rng.permutation(np.flatnonzero(labels.numpy() == c))
        count = RARE if c in RARE_CLASSES else COMMON
        train.append(members[:count])
        validation.append(members[count : 2 * count])
        half.append(np.arange(count) % 2 == 0)
    rows, held = np.concatenate(train), np.concatenate(validation)
    order = stratified_order(labels.numpy()[rows], stream("imbalance", 0))
    rows = rows[order]
    return replace(
        whole,
        train_images=images[rows],
        train_labels=labels[rows],
        train_moments=moments[rows],
        val_images=images[held],
        val_labels=labels[held],
        val_half=torch.from_numpy(np.concatenate(half)),
        fingerprint="fashion-100:1",
        probe_size=4000,
    )


def _moments(images: torch.Tensor) -> torch.Tensor:
    pixels = images.long().flatten(2)
    return torch.stack([pixels.sum(2), (pixels**2).sum(2)], dim=2)


def train(folder: Path, data: TrialData) -> None:
    """Every net into a ledger."""
    config = StudyConfig.model_validate(STUDY)
    counts = {name: _counts(part) for name, part in (("train", data.train_labels), ("validation", data.val_labels))}
    provenance = {
        "data_fingerprint": data.fingerprint,
        "chance_error": data.chance_error("error"),
        "data": {"classes": list(data.classes), "images_by_class": counts},
    }
    with Ledger.create(folder / "ledger.db", config, provenance) as ledger:
        for seed in range(SEEDS):
            for width in WIDTHS:
                for weights in ("none", "balanced"):
                    point = {"width": width, "class_weights": weights, "seed": seed}
                    trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "grid")
                    ledger.start_attempt(trial.trial_id, "here", "cpu")
                    begin = time.monotonic()
                    for progress in run_trial(trial.config, data, settings=Settings()):
                        ledger.record_epoch(trial.trial_id, progress.record)
                    ledger.end_trial(trial.trial_id, TrialState.FINISHED, predictions=progress.predictions)
                    print(point, f"{time.monotonic() - begin:.0f} s", flush=True)


def _counts(labels: torch.Tensor) -> list[int]:
    return torch.bincount(labels, minlength=10).tolist()


def judged(folder: Path, metric: Metric, chance: float) -> OpenStudy:
    """The same ledger, read by a metric."""
    study = open_study(folder)
    study.config = study.config.model_copy(update={"data": study.config.data.model_copy(update={"metric": metric})})
    study.provenance = {**study.provenance, "chance_error": chance}
    return study


def row(folder: Path, data: TrialData) -> list[dict[str, Any]]:
    """By configuration: the mean errors and the labels under either metric."""
    found: dict[tuple[float, str], dict[str, Any]] = {}
    for metric in METRICS:
        with judged(folder, metric, data.chance_error(metric)) as study:
            for trial in study.trials:
                record, label = final_record(trial), study.labels[trial.trial_id]
                assert record is not None
                point = (trial.hyperparameters["width"], trial.hyperparameters["class_weights"])
                one = found.setdefault(point, {"width": point[0], "class_weights": point[1]})
                mine = one.setdefault(metric, {"train": [], "val": [], "labels": Counter(), "reference": 0.0})
                mine["train"].append(record.train_error)
                mine["val"].append(record.val_error)
                mine["labels"][label.regime.value] += 1
                mine["reference"] = label.reference_error
                mine["effective_n"] = record.val_n
    return [_rounded(one) for one in found.values()]


def _rounded(one: dict[str, Any]) -> dict[str, Any]:
    for metric in METRICS:
        for name in ("train", "val"):
            one[metric][name] = round(float(np.mean(one[metric][name])), 4)
    return one


def main() -> None:
    data = imbalanced(load(DataConfig.model_validate(STUDY["data"])).trial_data)
    with TemporaryDirectory() as place:
        train(Path(place), data)
        rows = row(Path(place), data)
    for one in rows:
        print(one)
    images: NDArray[np.int64] = np.bincount(data.val_labels.numpy())
    result = {"machine": facts(), "validation_images_by_class": images.tolist(), "rows": rows}
    to = RESULTS / f"imbalance-{datetime.now(UTC):%Y-%m-%d}.json"
    to.write_text(json.dumps(result, indent=1) + "\n")
    print(to)


if __name__ == "__main__":
    main()
