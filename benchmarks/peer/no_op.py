"""Trials that do nothing, on the plain script's driver: what logging and scheduling alone take.

    python -m benchmarks.peer.no_op --uri http://127.0.0.1:5000 --trials 40 --reports 5 [--reuse] FOLDER

Prints one line of JSON: ``seconds`` from the first trial's start to the end of the study, and ``blocked``, the seconds
of each report in which MLflow's callback held Tune's loop.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback

from benchmarks.peer.tuning import tune_plainly

METRICS = 5  # to which Tune adds ten of its own


def report(config: dict[str, Any]) -> None:
    """One trial."""
    for i in range(config["reports"]):
        tune.report({"val_error": config["lr"], **{f"metric_{k}": float(i + k) for k in range(METRICS - 1)}})


class TimedLogger(MLflowLoggerCallback):
    """The stock callback with a clock around its work."""

    def setup(self, *args: Any, **kwargs: Any) -> None:
        super().setup(*args, **kwargs)
        self.blocked: list[float] = []
        self.begun = 0.0

    def log_trial_start(self, trial: Any) -> None:
        self.begun = self.begun or time.monotonic()
        super().log_trial_start(trial)

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        started = time.monotonic()
        super().log_trial_result(iteration, trial, result)
        self.blocked.append(time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--uri", required=True)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--reuse", action="store_true", help="reuse_actors=True")
    arguments = parser.parse_args()
    ray.init(address="local", num_cpus=arguments.slots, include_dashboard=False)
    logger = TimedLogger(tracking_uri=arguments.uri, experiment_name="plain")
    tune_plainly(
        report,
        {"lr": tune.loguniform(1e-3, 1.0), "reports": arguments.reports},
        trials=arguments.trials,
        points=None,
        logger=logger,
        folder=arguments.folder.absolute(),
        reuse=arguments.reuse,
    )
    told = {"seconds": time.monotonic() - logger.begun, "blocked": logger.blocked}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
