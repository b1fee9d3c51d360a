"""Whole studies in folders, for the report: nets really trained on digits, and a simulated one of any size."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hand_made import make_epoch

from fitscape.study.config import StudyConfig
from fitscape.study.data import load
from fitscape.study.driver.provenance import provenance
from fitscape.study.ledger import Ledger
from fitscape.study.maps.encoding import Encoder
from fitscape.study.records import GradientProfile, ModelSize, TrialState
from fitscape.study.search.space import resolve
from fitscape.study.training import Settings, run_trial


def trained_study(root: Path, config: StudyConfig, hyperparameters: Iterable[dict[str, Any]] = ()) -> Path:
    """Train the enqueued points and then ``hyperparameters`` into a ledger, in this process; returns the folder."""
    folder = root / config.name
    folder.mkdir(parents=True)
    data = load(config.data)
    settings = Settings()
    with Ledger.create(folder / "ledger.db", config, provenance(data)) as ledger:
        ledger.put_images(data.images())
        for origin, points in (("enqueue", config.enqueue), ("sobol", hyperparameters)):
            for point in points:
                trial = ledger.add_trial(config.base.with_hyperparameters(point), dict(point), origin)
                ledger.start_attempt(trial.trial_id, "here", "cpu")
                progress = None
                for progress in run_trial(trial.config, data.trial_data, settings=settings):
                    ledger.record_epoch(trial.trial_id, progress.record)
                assert progress is not None
                state = TrialState.DIVERGED if progress.diverged else TrialState.FINISHED
                kept = {"late": progress.late, "size": progress.size, "predictions": progress.predictions}
                ledger.end_trial(trial.trial_id, state, **kept)
    return folder


def sobol_points(config: StudyConfig, n: int) -> list[dict[str, Any]]:
    """The first points of a scrambled Sobol design over a study's space."""
    encoder = Encoder(resolve(config))
    return encoder.from_unit(encoder.sobol(n, seed=0)).to_dict("records")


SIMULATED_PROVENANCE = {
    "data_fingerprint": "0123456789abcdef",
    "chance_error": 0.9,
    "data": {
        "dataset": "simulated",
        "classes": [str(k) for k in range(10)],
        "images": {"train": 4000, "validation": 2000, "test": 2000},
    },
    "code": {"fitscape": "0", "trial_code": "0" * 16, "torch": "0", "commit": ""},
    "versions": {"python": "3"},
    "machine": {"host": "here", "cpus": 2},
}


def simulated_study(root: Path, config: StudyConfig, trials: int, epochs: int = 12, seed: int = 0) -> Path:
    """Trials whose errors follow capacity and data smoothly, with noise; some diverge at high rates."""
    folder = root / config.name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    provenance = {**SIMULATED_PROVENANCE, "data": {**SIMULATED_PROVENANCE["data"]}}
    with Ledger.create(folder / "ledger.db", config, provenance) as ledger:
        for point in sobol_points(config, trials):
            simulated(ledger, config, point, epochs, rng)
    return folder


def simulated(
    ledger: Ledger,
    config: StudyConfig,
    point: dict[str, Any],
    epochs: int = 12,
    rng: np.random.Generator | None = None,
) -> None:
    """One such trial, from its start to its end."""
    rng = np.random.default_rng(0) if rng is None else rng
    trial = ledger.add_trial(config.base.with_hyperparameters(point), point, "sobol")
    flat = trial.config.flat()
    capacity = np.log2(flat["width"] / 0.125) / 3 - 0.4 * (flat["family"] == "plain")
    train = 1 / (1 + np.exp(2 + 3 * capacity - 1.5 * np.log10(1 / flat["train_fraction"]) + rng.normal(0, 0.3)))
    val = min(0.9, 0.03 + train + 0.08 / flat["train_fraction"] ** 0.6 * np.exp(rng.normal(0, 0.2)) * 0.5)
    diverged = flat["lr"] > 0.7 and rng.random() < 0.8
    ledger.start_attempt(trial.trial_id, "here", "cpu")
    depth = 20
    for epoch in range(1, epochs + 1):
        left = np.exp(-4 * epoch / epochs)
        errors = (train + (0.9 - train) * left, val + (0.9 - val) * left)
        if diverged and epoch == epochs // 2:
            errors = (float("nan"), float("nan"))
        norms = tuple(np.exp(rng.normal(0, 0.3, depth)) * np.linspace(0.3, 1, depth))
        profile = GradientProfile(
            step=epoch, layers=tuple(f"layer{i}" for i in range(depth)), gradient_norms=norms, weight_norms=norms
        )
        record = make_epoch(*errors, epoch=epoch, gradients=(profile,) if epoch in (1, epochs) else ())
        ledger.record_epoch(trial.trial_id, record)
        if not np.isfinite(errors[0]):
            break
    state = TrialState.DIVERGED if diverged else TrialState.FINISHED
    size = ModelSize(parameters=int(11e6 * flat["width"] ** 2), flops=int(1e9 * flat["width"] ** 2))
    ledger.end_trial(trial.trial_id, state, size=size)
