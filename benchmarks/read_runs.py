"""What ``fitscape read`` takes for the final values of many MLflow runs.

    python -m benchmarks.read_runs [--runs 3000 30000] [--stores FOLDER] [--dry]

The runs lie in a SQLite store that MLflow makes; their rows are written by SQL, as MLflow writes them. Each has six
parameters, eight metrics and five tags, and three runs in a hundred failed. The command runs in a process of its own:
imports, labels, map and report included. ``exponent`` is the slope of ln CPU over ln runs between the two largest
stores: 1 grows as the runs do. FOLDER keeps the stores for the next time.
"""

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ledger_scale import exponents, measured
from benchmarks.record import keep

GOAL = 120.0  # seconds for 30,000 runs
CLASSES = 10
START = 1_700_000_000_000  # milliseconds
TAGS = ("mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.runName", "team")
ROW = {
    "runs": "(run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,"
    " source_version, lifecycle_stage, artifact_uri, experiment_id)",
    "params": "(key, value, run_uuid)",
    "latest_metrics": "(key, value, timestamp, step, is_nan, run_uuid)",
    "metrics": "(key, value, timestamp, step, is_nan, run_uuid)",
    "tags": "(key, value, run_uuid)",
}


def store(path: Path, runs: int) -> None:
    """A store of MLflow's with so many runs of one experiment: a bowl in log lr, overfitting in depth."""
    from mlflow import MlflowClient

    experiment = int(MlflowClient(tracking_uri=f"sqlite:///{path}").create_experiment("theirs"))
    with closing(sqlite3.connect(path)) as database, database:
        for table, row in _rows(runs, experiment):
            database.execute(f"INSERT INTO {table} {ROW[table]} VALUES ({', '.join('?' * len(row))})", row)


def _rows(runs: int, experiment: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    for i in range(runs):
        lr, decay, depth = 10 ** rng.uniform(-4, 0), 10 ** rng.uniform(-6, -1), int(rng.integers(1, 9))
        val = float(np.clip(0.08 + 0.1 * (np.log10(lr) + 2) ** 2 + 0.01 * rng.standard_normal(), 0.01, 0.9))
        train = float(np.clip(val - 0.015 * depth, 0.001, 0.9))
        uuid, ended = f"{i:032x}", START + 60_000 * (i + 1)
        failed = rng.random() < 0.03
        end = "FAILED" if failed else "FINISHED"
        head = (uuid, f"run-{i}", "UNKNOWN", "", "", "somebody", end, ended - 60_000, ended, "", "active")
        yield "runs", (*head, f"mlflow-artifacts:/{experiment}/{uuid}/artifacts", experiment)
        params = {"lr": lr, "weight_decay": decay, "depth": depth, "optimizer": ("sgd", "adam")[int(rng.integers(2))]}
        for key, value in {**params, "seed": i % 5, "epochs": 30}.items():
            yield "params", (key, str(value), uuid)
        for key in TAGS:
            yield "tags", (key, f"{key} of {i}", uuid)
        errors = {} if failed else {"train_error": round(train * 5000) / 5000, "val_error": round(val * 5000) / 5000}
        for key, number in {**errors, "train_loss": train, "val_loss": val, "lr_now": lr}.items():
            for table in ("latest_metrics", "metrics"):
                yield table, (key, number, ended, 29, 0, uuid)


def command(path: Path, root: Path) -> list[str]:
    options = ["--name", path.stem, "--classes", str(CLASSES), "--val-n", "5000", "--train-n", "5000", "--yes"]
    return [sys.executable, "-m", "fitscape", "read", str(path), *options, "--root", str(root)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[3000, 30_000])
    parser.add_argument("--stores", type=Path)
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.stores or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        package, found = Path(__file__).parents[1].absolute(), dict[str, dict[str, float]]()
        for runs in sorted(options.runs):
            path = folder / f"mlflow-{runs}.db"
            if not path.exists():
                store(path, runs)
            row = measured(command(path.absolute(), Path(temporary).absolute()), package, Path(temporary) / "log.txt")
            found[str(runs)] = row
            print(f"{runs:>6} runs: {row['wall']:.1f} s, {row['cpu']:.1f} s CPU, {row['gb']:.2f} GB", flush=True)
    results = {"goal_seconds": GOAL, "read": found, "exponent": exponents({"read": found}).get("read")}

    def plot(axes: Any) -> None:
        axes.plot([int(runs) for runs in found], [row["wall"] for row in found.values()], "o-")
        axes.set(xlabel="runs", ylabel="seconds of fitscape read", xscale="log", yscale="log")

    if not options.dry:
        print(keep("read_runs", results, plot))


if __name__ == "__main__":
    main()
