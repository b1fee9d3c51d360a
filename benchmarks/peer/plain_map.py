"""The plain script on scikit-learn's digits: Sobol's points, every trial in full, as somebody would draw a map by hand.

    python -m benchmarks.peer.plain_map POINTS.json FOLDER

It leaves FOLDER/trials.json: hyperparameters, last errors, images behind them and the time of each trial's end. Nets,
images, steps and evaluation are those of the nets behind R1 (``benchmarks.regime_search.generate_real``).
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from ray import tune
from torch.utils.data import Subset, TensorDataset

from benchmarks.peer.plain_study import epochs
from benchmarks.peer.tuning import start, tune_plainly
from fitscape.models.build import build
from fitscape.models.spec import ModelSpec, parse_architecture


def train(config: dict[str, Any]) -> None:
    """One trial."""
    torch.manual_seed(config["seed"])
    images = torch.load(config["images"], weights_only=True)
    mean, std = images["train_images"].float().mean(), images["train_images"].float().std()
    known, unseen = (
        TensorDataset((images[f"{part}_images"].float() - mean) / std, images[f"{part}_labels"])
        for part in ("train", "val")
    )
    part = Subset(known, torch.randperm(len(known))[: round(config["train_fraction"] * len(known))].tolist())
    probe = Subset(part, range(min(config["probe_size"], len(part))))
    family, depth = parse_architecture(config["architecture"])
    shape = tuple(images["train_images"].shape[1:])
    model = build(ModelSpec(family=family, depth=depth, width=config["width"]), shape, 10)
    for metrics in epochs(config, model, part, probe, unseen):
        tune.report({**metrics, "train_n": len(probe), "val_n": len(unseen)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    work = json.loads(arguments.points.read_text())
    space = {
        **{hyperparameter: tune.choice(values) for hyperparameter, values in work["choices"].items()},
        **work["shared"],
    }
    logger = start(arguments.folder, slots=work["slots"], experiment="map")
    results = tune_plainly(
        train,
        space,
        trials=len(work["points"]),
        points=work["points"],
        logger=logger,
        folder=arguments.folder.absolute() / "tune",
        reuse=False,
    )
    told = [
        {
            **{hyperparameter: result.config[hyperparameter] for hyperparameter in work["choices"]},
            **{name: result.metrics[name] for name in ("train_error", "val_error", "train_n", "val_n")},
            "diverged": not math.isfinite(result.metrics["train_loss"] + result.metrics["val_loss"]),
            "ended": result.metrics["timestamp"],
        }
        for result in results
    ]
    (arguments.folder / "trials.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
