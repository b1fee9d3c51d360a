"""Wall clock to a 95 % map, for real: ``fitscape run`` against the plain script, on digits, processes' starts included.

    python -m benchmarks.map_real [--trials 56] [--plain-trials 200] [--rounds 1]

The space is the grid of R1, whose nets were trained beforehand with three seeds each: that is the truth a map is
scored on. Fitscape searches with the regime sampler; the plain script
(``benchmarks.peer.plain_map``) trains Sobol's points in full. Afterwards the same map is fitted to the first n trials
of each side, in the order in which they ended. The first n at which it is right on 95 % of the decidable nodes counts,
with the time of its end and what the process takes before the first trial and after the last. A side that never
arrives counts with all it spent: a bound, and it is said.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.record import keep, spread, summary
from benchmarks.regime_search.generate_real import ARCHITECTURES, DATA, FRACTIONS, RATES, WIDTHS
from benchmarks.regime_search.simulate import checkpoints
from benchmarks.regime_search.tabulated import NODES, DigitsNets
from benchmarks.sides import SLOTS, fitscape_seconds, points, seconds_of
from fitscape.study.config import RegimeThresholds, StudyConfig
from fitscape.study.data import load
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.scores import score
from fitscape.study.opened import open_study

GOAL, ENOUGH = 1 / 8, 0.95
CHOICES = {"architecture": ARCHITECTURES, "width": WIDTHS, "train_fraction": FRACTIONS, "lr": RATES}


def config(terrain: DigitsNets, sampler: str, trials: int, seed: int) -> StudyConfig:
    optimization = {"batch_size": 32, "epochs": 16, "steps_per_epoch": 16, "schedule": "constant", "weight_decay": 5e-4}
    return StudyConfig.model_validate(
        {
            "name": "map",
            "data": DATA.model_dump(),
            "base": {"optimization": optimization},
            "space": {hyperparameter: {"choices": values} for hyperparameter, values in CHOICES.items()},
            "search": {"trials": trials, "sampler": sampler, "seed": seed},
            "regimes": {"tau": terrain.cuts.tau, "reference_error": terrain.cuts.reference},
            "resources": {"max_concurrent": SLOTS, "precision": "fp32"},  # that of R1's nets and of the plain script
        }
    )


def fitscape(study: StudyConfig, folder: Path) -> tuple[float, float, pd.DataFrame]:
    """When the process began and ended, and its trials."""
    begun = time.time()
    seconds = fitscape_seconds(study, folder)
    opened = open_study(folder / study.name)
    ended = {trial.trial_id: trial.ended_at for trial in opened.trials}
    table = opened.map_table()
    return begun, begun + seconds, table.assign(ended=table["trial_id"].map(ended)).drop(columns="trial_id")


def plain(study: StudyConfig, folder: Path) -> tuple[float, float, pd.DataFrame]:
    data = load(DATA).trial_data
    images = {name: getattr(data, name) for name in ("train_images", "train_labels", "val_images", "val_labels")}
    torch.save(images, folder / "images.pt")
    shared = {"images": str(folder / "images.pt"), "probe_size": DATA.probe_size, "seed": 0}
    shared |= study.base.optimization.model_dump(
        include={"batch_size", "epochs", "steps_per_epoch", "weight_decay", "schedule"}
    )
    work = {"points": points(study), "choices": CHOICES, "shared": shared, "slots": SLOTS}
    (folder / "points.json").write_text(json.dumps(work))
    begun = time.time()
    command = [sys.executable, "-m", "benchmarks.peer.plain_map", str(folder / "points.json"), str(folder)]
    seconds = seconds_of(command, folder / "plain.txt")
    return begun, begun + seconds, pd.DataFrame(json.loads((folder / "trials.json").read_text()))


def way_to_the_map(terrain: DigitsNets, begun: float, ended: float, table: pd.DataFrame) -> dict[str, float]:
    """Seconds and trials to the map, from trials with the time of their end."""
    table = table.sort_values("ended", ignore_index=True)
    rows = table.assign(
        **{hyperparameter: table[hyperparameter].map(terrain.values[hyperparameter].index) for hyperparameter in NODES}
    )
    nodes, labels, decidable = terrain.test_set()
    thresholds, cuts = RegimeThresholds(tau=terrain.cuts.tau), terrain.cuts
    after = ended - table["ended"].max()
    accuracies = {}
    for n in [*checkpoints(len(table)), len(table)]:
        space = RegimeMap(terrain.space, thresholds, chance_error=cuts.chance, reference_error=cuts.reference)
        fitted = space.fit(rows.head(n).drop(columns="ended"))
        accuracies[n] = score(fitted, nodes, labels, decidable).as_dict()["accuracy"]
        if accuracies[n] >= ENOUGH:
            break
    arrived = accuracies[n] >= ENOUGH
    seconds = float(table["ended"].iloc[n - 1] - begun + after)
    facts = {"arrived": arrived, "trials": n, "seconds": round(seconds, 1), "accuracy": round(accuracies[n], 4)}
    return {**facts, "all_trials": len(table), "all_seconds": round(ended - begun, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=56)
    parser.add_argument("--plain-trials", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    terrain = DigitsNets()
    found: dict[str, list[dict[str, float]]] = {"Fitscape": [], "plain": []}
    for seed in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="fitscape-map-", ignore_cleanup_errors=True) as name:
            ours = fitscape(config(terrain, "regime", arguments.trials, seed), Path(name))
            found["Fitscape"].append(way_to_the_map(terrain, *ours))
            theirs = plain(config(terrain, "sobol", arguments.plain_trials, seed), Path(name))
            found["plain"].append(way_to_the_map(terrain, *theirs))
        print({side: runs[-1] for side, runs in found.items()}, flush=True)
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(found["Fitscape"], found["plain"], strict=True)]
    results: dict[str, Any] = {"arguments": vars(arguments), "goal": GOAL, "ratio": summary(ratios), "sides": found}
    missing = {side: sum(not run["arrived"] for run in runs) for side, runs in found.items()}
    print(f"wall clock to a 95 % map, for real: {spread(results['ratio'])}, goal {GOAL}; missing: {missing}")
    if not arguments.dry:
        keep("map_real", results, lambda axes: plot(found, axes))


def plot(found: dict[str, list[dict[str, float]]], axes: Any) -> None:
    """Seconds to the map, a dot a run."""
    for i, runs in enumerate(found.values()):
        seconds = [run["seconds"] for run in runs]
        axes.scatter(seconds, [i] * len(seconds), alpha=0.6)
        axes.annotate(
            f"{statistics.median(run['trials'] for run in runs):g} trials", (statistics.median(seconds), i + 0.1)
        )
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(-0.5, len(found) - 0.5)
    axes.set_xlim(0, 1.2 * max(run["seconds"] for runs in found.values() for run in runs))  # room for the words
    axes.set_xlabel("wall clock to a 95 % map on digits [s]")


if __name__ == "__main__":
    main()
