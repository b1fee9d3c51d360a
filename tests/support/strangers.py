"""Runs as somebody else's program leaves them: a table, an Optuna storage, a Ray Tune folder, MLflow's file store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd


def landscape(n: int = 24, seed: int = 0) -> pd.DataFrame:
    """``lr``, ``weight_decay``, ``layers``, ``optimizer`` and the errors of 2,000 images: a bowl in log lr."""
    rng = np.random.default_rng(seed)
    lr, decay = 10 ** rng.uniform(-4, 0, n), 10 ** rng.uniform(-6, -1, n)
    layers = rng.integers(1, 9, n)
    val = np.clip(0.08 + 0.1 * (np.log10(lr) + 2) ** 2 + 0.01 * rng.standard_normal(n), 0, 0.9)
    train = np.clip(val - 0.01 * layers, 0.001, 0.9)
    optimizer = np.where(rng.random(n) < 0.5, "adam", "sgd")
    errors = {"train_error": np.round(train * 2000) / 2000, "val_error": np.round(val * 2000) / 2000}
    return pd.DataFrame({"lr": lr, "weight_decay": decay, "layers": layers, "optimizer": optimizer, **errors})


def optuna_storage(path: Path, frame: pd.DataFrame) -> str:
    """A storage of one study that minimizes the validation error and keeps the training error as an attribute."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    uri = f"sqlite:///{path}"
    study = optuna.create_study(storage=uri, study_name="theirs")
    distributions = {
        "lr": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
        "layers": optuna.distributions.IntDistribution(1, 8),
        "optimizer": optuna.distributions.CategoricalDistribution(["adam", "sgd"]),
    }
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={"lr": row["lr"], "layers": int(row["layers"]), "optimizer": row["optimizer"]},
                distributions=distributions,
                value=row["val_error"],
                user_attrs={"train_error": row["train_error"], "val_error": row["val_error"]},
            )
            for row in frame.to_dict("records")
        ]
    )
    return uri


def tune_folder(folder: Path, frame: pd.DataFrame, epochs: int = 3) -> Path:
    """A trial's folder a row, with a report an epoch; the errors fall to those of the row."""
    for i, row in enumerate(frame.to_dict("records")):
        config = {"lr": row["lr"], "model": {"layers": row["layers"]}, "optimizer": row["optimizer"]}
        lines = [
            {
                "train_error": row["train_error"] + (epochs - epoch) * 0.01,
                "val_error": row["val_error"] + (epochs - epoch) * 0.01,
                "training_iteration": epoch,
                "timestamp": 1_700_000_000 + 10 * epoch,
                "trial_id": f"{i:05d}",
                "config": config,
            }
            for epoch in range(1, epochs + 1)
        ]
        place = folder / f"train_{i:05d}"
        place.mkdir(parents=True)
        (place / "params.json").write_text(json.dumps(config, default=float))
        (place / "result.json").write_text("".join(json.dumps(line, default=float) + "\n" for line in lines))
    return folder


def file_store(folder: Path, runs: list[dict[str, Any]], experiment: str = "theirs") -> Path:
    """MLflow's file store ``mlruns`` as its releases before 3 wrote it. A run: ``params``, ``metrics``, ``status``.

    A metric is one value or a list of them, one a step.
    """
    place = folder / "1"
    (folder / ".trash").mkdir(parents=True)
    place.mkdir()
    (place / "meta.yaml").write_text(
        f"artifact_location: {place}\nexperiment_id: '1'\nlifecycle_stage: active\nname: {experiment}\n"
        "creation_time: 1700000000000\nlast_update_time: 1700000000000\n"
    )
    for i, run in enumerate(runs):
        run_id = f"a{i:031x}"
        here = place / run_id
        for part in ("params", "metrics", "tags", "artifacts"):
            (here / part).mkdir(parents=True)
        (here / "meta.yaml").write_text(
            f"artifact_uri: {here}/artifacts\nend_time: {1_700_000_060_000 + i}\nentry_point_name: ''\n"
            f"experiment_id: '1'\nlifecycle_stage: active\nrun_id: {run_id}\nrun_name: run-{i}\nrun_uuid: {run_id}\n"
            f"source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {1_700_000_000_000 + i}\n"
            f"status: {run.get('status', 3)}\ntags: []\nuser_id: ann\n"
        )
        for key, value in run["params"].items():
            (here / "params" / key).write_text(str(value))
        for key, values in run["metrics"].items():
            points = values if isinstance(values, list) else [values]
            text = "".join(f"{1_700_000_000_000 + step} {value} {step}\n" for step, value in enumerate(points))
            (here / "metrics" / key).write_text(text)
    return folder
