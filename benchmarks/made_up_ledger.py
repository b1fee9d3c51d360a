"""A study of any size that nobody ran, written through the ledger's own methods.

    python -m benchmarks.made_up_ledger ROOT --trials 1000 [--epochs 12]

Five hyperparameters. Each trial has its epochs with two gradient profiles of 100 layers each, and the losses of 2,500
validation images at its best and its last epoch, all of them 32-bit floats, as torch measures them. Errors follow
width, depth and data; at high learning rates trials diverge. The folder is ROOT/made-up-N.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitscape.study.config import StudyConfig
from fitscape.study.ledger import Ledger
from fitscape.study.maps.encoding import Encoder
from fitscape.study.records import EpochRecord, GradientProfile, LatePair, ModelSize, TrialState
from fitscape.study.search.space import resolve

SPACE: dict[str, Any] = {
    "family": {"choices": ["resnet", "plain"]},
    "width": {"low": 0.125, "high": 2.0, "log": True},
    "lr": {"low": 1e-3, "high": 1.0, "log": True},
    "train_fraction": {"low": 0.05, "high": 1.0, "log": True},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True},
}
CLASSES = 10
LAYERS = tuple(f"stage{i // 10}.{i % 10}.conv" for i in range(100))
PROFILES = 2  # an epoch
TRAIN, VALIDATION, LATE = 4000, 5000, 2500  # images
PROVENANCE: dict[str, Any] = {
    "data_fingerprint": "0123456789abcdef",
    "chance_error": 0.9,
    "data": {
        "dataset": "made up",
        "classes": [str(k) for k in range(CLASSES)],
        "input_shape": [3, 32, 32],
        "images": {"train": TRAIN, "validation": VALIDATION, "test": 2000},
    },
    "code": {"fitscape": "0", "trial_code": "0" * 16, "torch": "0", "commit": ""},
    "versions": {"python": "3"},
    "machine": {"host": "here", "cpus": 2},
}


def make(root: Path, trials: int, *, epochs: int = 12, seed: int = 0) -> Path:
    """The folder of a study whose trials have all ended."""
    config = StudyConfig.model_validate(
        {"name": f"made-up-{trials}", "space": SPACE, "search": {"trials": trials, "sampler": "sobol"}}
    )
    folder, rng = root / config.name, np.random.default_rng(seed)
    folder.mkdir(parents=True)
    encoder = Encoder(resolve(config))
    points = encoder.from_unit(encoder.sobol(trials, seed=seed)).to_dict("records")
    with Ledger.create(folder / "ledger.db", config, PROVENANCE) as ledger:
        for point in points:
            _trial(ledger, config, {str(name): value for name, value in point.items()}, epochs, rng)
    return folder


def _trial(ledger: Ledger, config: StudyConfig, point: dict[str, Any], epochs: int, rng: np.random.Generator) -> None:
    trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
    capacity = np.log2(point["width"] / 0.125) / 4 - 0.4 * (point["family"] == "plain")
    scarce = np.log10(1 / point["train_fraction"])
    slow = np.log10(point["lr"] / 0.1) ** 2
    train = 1 / (1 + np.exp(2 + 3 * capacity - 1.5 * scarce - slow + rng.normal(0, 0.3)))
    gap = 0.04 * 10 ** (0.6 * scarce) * np.exp(rng.normal(0, 0.2)) / (1 + 10 * point["weight_decay"])
    diverged = point["lr"] > 0.5 and rng.random() < 0.8
    ledger.start_attempt(trial.trial_id, "here", "cpu")
    for epoch in range(1, epochs + 1):
        over = diverged and epoch == epochs // 2
        left = np.exp(-4 * epoch / epochs)
        errors = [float(e + (0.9 - e) * left) for e in (train, min(0.9, 0.03 + train + gap))]
        ledger.record_epoch(trial.trial_id, _epoch(epoch, [float("nan")] * 2 if over else errors, rng))
        if over:
            break
    parts: dict[str, Any] = {
        **{f"{when}_losses": tuple(_floats(rng.exponential(0.5, LATE))) for when in ("best", "last")},
        **{f"{when}_errors": tuple((rng.random(LATE) < 0.1).tolist()) for when in ("best", "last")},
    }
    late = LatePair(best_epoch=max(1, epochs - 2), last_epoch=epochs, **parts)
    state = TrialState.DIVERGED if diverged else TrialState.FINISHED
    size = ModelSize(parameters=int(11e6 * point["width"] ** 2), flops=int(1e9 * point["width"] ** 2))
    ledger.end_trial(trial.trial_id, state, late=None if diverged else late, size=size)


def _epoch(epoch: int, errors: list[float], rng: np.random.Generator) -> EpochRecord:
    train, val = errors
    steps = range(0 if epoch == 1 else PROFILES * epoch, PROFILES * (epoch + 1))
    profiles = tuple(
        GradientProfile(
            step=step,
            layers=LAYERS,
            gradient_norms=tuple(_floats(np.exp(rng.normal(0, 0.3, len(LAYERS))))),
            weight_norms=tuple(_floats(np.exp(rng.normal(0, 0.3, len(LAYERS))))),
        )
        for step in steps
    )
    names = ("train_loss", "val_loss", "val_loss_a", "val_loss_b", "val_error_a", "val_error_b", "batch_loss")
    values: dict[str, Any] = dict(
        zip(names, (2.3 * train, 2.3 * val, 2.3 * val, 2.3 * val, val, val, 2.3 * train), strict=True)
    )
    return EpochRecord(
        epoch=epoch,
        step=100 * epoch,
        time=1.7e9 + epoch,
        train_error=train,
        val_error=val,
        train_n=TRAIN // 2,
        val_n=VALIDATION,
        learning_rate=0.1,
        train_seconds=1.0,
        eval_seconds=0.1,
        images_per_second=1000.0,
        peak_memory_mib=100.0,
        gradients=profiles,
        gradient_ratio=float(np.exp(rng.normal(0, 0.3))),
        **values,
    )


def _floats(values: NDArray[np.float64]) -> list[float]:
    found: list[float] = values.astype(np.float32).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of studies")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    print(make(arguments.root, arguments.trials, epochs=arguments.epochs))


if __name__ == "__main__":
    main()
