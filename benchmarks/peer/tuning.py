"""A plain study on Ray Tune: Optuna suggests, MLflow's callback logs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search.optuna import OptunaSearch


def start(folder: Path, *, slots: int, experiment: str) -> MLflowLoggerCallback:
    """Start Ray with so many CPUs; returns the callback that logs to SQLite in the folder."""
    ray.init(address="local", num_cpus=slots, include_dashboard=False)
    return MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder.absolute() / 'mlflow.db'}", experiment_name=experiment)


def tune_plainly(
    train: Callable[[dict[str, Any]], None],
    space: dict[str, Any],
    *,
    trials: int,
    points: list[dict[str, Any]] | None,
    logger: MLflowLoggerCallback,
    folder: Path,
    reuse: bool,
) -> tune.ResultGrid:
    """Run ``trials`` trials of one CPU each, and raise if one has failed.

    Args:
        train: a trial; it reports ``val_error`` among its metrics.
        space: hyperparameter -> Tune's domain, or one value.
        points: run first, in this order; None: all are Optuna's.
        logger: where metrics go.
        folder: Tune's results.
        reuse: keep a process for the next trial (``reuse_actors``, off by default).
    """
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric="val_error", mode="min", points_to_evaluate=points),
            metric="val_error",
            mode="min",
            num_samples=trials,
            reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(name="plain", storage_path=str(folder), callbacks=[logger], verbose=1),
    )
    results = tuner.fit()
    if results.errors:
        raise results.errors[0]
    return results
