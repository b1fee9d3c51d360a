"""The script that a user would write instead of Fitscape: Tune + OptunaSearch + MLflowLoggerCallback on SQLite,
torchvision's FashionMNIST, a DataLoader, fp32.

    python -m benchmarks.peer.plain_study POINTS.json FOLDER [--reuse]

It leaves FOLDER/told.json: seconds inside the training function, and from the first start to the last end.

It is made to do the very work of a Fitscape study, so that wall clocks can be compared:

- the same trials: POINTS.json holds Fitscape's own points, which OptunaSearch is given to evaluate; what they share
  (epochs, steps, batch size, schedule) is in the file too;
- the same nets: those of ``models``, which tests hold equal to torchvision's;
- as much data: the same number of training and validation images, the same steps per epoch;
- the same evaluation after each epoch: loss and error of as many training images and of all validation images;
- as many trials at once, one CPU thread each, and every metric in MLflow.

Gradient norms, labels, the map, the report and the ability to resume are Fitscape's alone, at Fitscape's expense.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from ray import tune
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from benchmarks.peer.tuning import start, tune_plainly
from benchmarks.plain_loop import fashion_mnist
from fitscape.models.build import build
from fitscape.models.spec import ModelSpec, parse_architecture

EVALUATED_AT_ONCE = 512  # images


def train(config: dict[str, Any]) -> None:
    """One trial."""
    torch.manual_seed(config["seed"])
    images = fashion_mnist(Path(config["data"]))
    known, unseen = int(config["train_images"]), int(config["val_images"])
    family, depth = parse_architecture(config["architecture"])
    model = build(ModelSpec(family=family, depth=depth, width=config["width"]), (1, 28, 28), 10)
    parts = range(known), range(config["probe_size"]), range(known, known + unseen)
    for metrics in epochs(config, model, *(Subset(images, part) for part in parts)):
        tune.report(metrics)


def epochs(
    config: dict[str, Any], model: nn.Module, known: Dataset[Any], probe: Dataset[Any], unseen: Dataset[Any]
) -> Iterator[dict[str, float]]:
    """Train on ``known``, and after each epoch evaluate on ``probe``, a part of it, and on ``unseen``."""
    batch_size = min(config["batch_size"], len(known))  # type: ignore[arg-type]
    loader = DataLoader(known, batch_size=batch_size, shuffle=True, drop_last=True)
    train_loader, val_loader = (DataLoader(part, batch_size=EVALUATED_AT_ONCE) for part in (probe, unseen))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9, weight_decay=config["weight_decay"])
    steps = config["epochs"] * config["steps_per_epoch"]
    schedule: torch.optim.lr_scheduler.LRScheduler
    if config.get("schedule") == "constant":
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    else:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=config["lr"], total_steps=steps)
    batches = iter(loader)
    for _ in range(config["epochs"]):
        model.train()
        running_loss = 0.0
        for _ in range(config["steps_per_epoch"]):
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            images, labels = batch
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            running_loss += loss.item()
        train_loss, train_error = evaluate(model, train_loader)
        val_loss, val_error = evaluate(model, val_loader)
        yield {
            "train_loss": train_loss,
            "train_error": train_error,
            "val_loss": val_loss,
            "val_error": val_error,
            "batch_loss": running_loss / config["steps_per_epoch"],
            "learning_rate": float(schedule.get_last_lr()[0]),
        }


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader[Any]) -> tuple[float, float]:
    """Mean cross-entropy, and share of wrong answers."""
    model.eval()
    loss, wrong, total = 0.0, 0, 0
    for images, labels in loader:
        logits = model(images)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        wrong += int((logits.argmax(1) != labels).sum())
        total += len(labels)
    return loss / total, wrong / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reuse", action="store_true", help="reuse_actors=True")
    arguments = parser.parse_args()
    work = json.loads(arguments.points.read_text())
    points = work["points"]
    space: dict[str, Any] = {
        "architecture": tune.choice(sorted({point["architecture"] for point in points})),
        **{hyperparameter: tune.loguniform(*work["ranges"][hyperparameter]) for hyperparameter in work["ranges"]},
        **work["shared"],
    }
    logger = start(arguments.folder, slots=work["slots"], experiment="plain")
    results = tune_plainly(
        train,
        space,
        trials=len(points),
        points=points,
        logger=logger,
        folder=arguments.folder.absolute() / "tune",
        reuse=arguments.reuse,
    )
    ends = [(result.metrics["timestamp"], result.metrics["time_total_s"]) for result in results]
    told = {
        "work": sum(seconds for _, seconds in ends),  # inside the training function, all trials
        "span": max(end for end, _ in ends) - min(end - seconds for end, seconds in ends),
    }
    (arguments.folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
