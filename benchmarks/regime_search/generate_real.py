"""Train the nets behind the real landscape: every node of a grid, three seeds each, a record an epoch.

    python -m benchmarks.regime_search.generate_real                 all; about 20 minutes on two quiet cores
    python -m benchmarks.regime_search.generate_real --minutes 10    what is done by then

writes benchmarks/regime_search/digits_nets.parquet, and trains only what that table lacks. Every node's first run
comes before any second one. Finished trials are kept beside the table until it is written, so it may be interrupted.

scikit-learn's digits, half of them validation; resnet20 and plain20 over width, train fraction and learning
rate; 16 epochs of 16 steps at a constant rate, so that an epoch of a long run is a short run.
"""

import argparse
import json
import random
import time
from collections import Counter
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from fitscape.study.config import DataConfig, Optimization, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.training import Settings, run_trial

TABLE = Path(__file__).with_name("digits_nets.parquet")
DATA = DataConfig(dataset="digits", validation_fraction=0.5, test_fraction=0.1, probe_size=1000)
ARCHITECTURES = ("plain20", "resnet20")
WIDTHS = (0.125, 0.25, 0.5, 1.0)
FRACTIONS = (0.03, 0.055, 0.1, 0.18, 0.32, 0.56, 1.0)
RATES = (0.002, 0.006, 0.02, 0.06, 0.2, 0.6, 2.0)
SEEDS = (0, 1, 2)
SETTINGS = Settings(memory_format="channels_last")
KEPT = ("epoch", "train_error", "val_error", "train_loss", "val_loss", "val_error_a", "val_error_b", "train_n", "val_n")

NODE = ("architecture", "width", "train_fraction", "lr", "seed")
Node = tuple[str, float, float, float, int]  # the values of NODE

_data: TrialData | None = None


def trial(node: Node) -> list[dict[str, Any]]:
    """One trial's rows, one an epoch."""
    global _data
    torch.set_num_threads(1)
    if _data is None:
        _data = load(DATA).trial_data
    architecture, width, fraction, rate, seed = node
    config = TrialConfig(
        optimization=Optimization(
            lr=rate, batch_size=32, epochs=16, steps_per_epoch=16, schedule="constant", weight_decay=5e-4
        ),
        seed=seed,
    ).with_hyperparameters({"architecture": architecture, "width": width, "train_fraction": fraction})
    hyperparameters = {
        "architecture": architecture,
        "width": width,
        "train_fraction": fraction,
        "lr": rate,
        "seed": seed,
    }
    return [
        {**hyperparameters, **{name: getattr(p.record, name) for name in KEPT}, "diverged": p.diverged}
        for p in run_trial(config, _data, settings=SETTINGS)
    ]


def _rounds(nodes: list[Node], runs: Counter[tuple[Any, ...]]) -> list[Node]:
    """In random order, but every node's first run before any second one; ``runs``: how many each has already."""
    random.Random(0).shuffle(nodes)
    places = []
    for node in nodes:
        runs[node[:-1]] += 1
        places.append(runs[node[:-1]])
    return [node for _, node in sorted(zip(places, nodes, strict=True), key=lambda pair: pair[0])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    partial = TABLE.with_suffix(".jsonl")
    rows: list[Any] = pd.read_parquet(TABLE).to_dict("records") if TABLE.exists() else []
    rows += [json.loads(line) for line in partial.read_text().splitlines()] if partial.exists() else []
    done = {tuple(row[name] for name in NODE) for row in rows}
    wanted = list(product(ARCHITECTURES, WIDTHS, FRACTIONS, RATES, SEEDS))
    nodes = _rounds([node for node in wanted if node not in done], Counter(node[:-1] for node in done))
    with get_context("spawn").Pool(arguments.processes) as pool, partial.open("a") as file:
        for i, fresh in enumerate(pool.imap_unordered(trial, nodes), 1):
            rows += fresh
            file.write("".join(json.dumps(row) + "\n" for row in fresh))
            file.flush()
            if i % 50 == 0:
                print(f"{i} of {len(nodes)} trials", flush=True)
            if time.monotonic() >= end:
                break
    _write(rows)
    partial.unlink()


def _write(rows: list[Any]) -> None:
    table = pd.DataFrame(rows).sort_values([*NODE, "epoch"], ignore_index=True)
    small = {name: "float32" for name in table.columns if "error" in name or "loss" in name}
    table.astype({**small, "epoch": "int16", "seed": "int16"}).to_parquet(TABLE, compression="zstd", index=False)
    runs = table.groupby(list(NODE)[:-1])["seed"].nunique()
    print(f"{len(runs)} nodes, {runs.value_counts().to_dict()} (runs: nodes)")


if __name__ == "__main__":
    main()
