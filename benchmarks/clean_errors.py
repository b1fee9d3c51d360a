"""How much of the gap that a usual loop logs is an artefact: its training error beside `fitscape.log_clean_errors`.

    python -m benchmarks.clean_errors [--seeds 3] [--epochs 24]

A small net with batch norm and dropout on 1,000 digits, shifted at random. The loop logs what loops usually log: the
error averaged over the epoch's training batches, and the validation error in eval mode. results/clean_errors-DATE.json
holds every epoch, and docs/pictures/clean_errors.png shows the means over seeds. About a minute on one core.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import fitscape
from benchmarks.machine import facts
from benchmarks.record import RESULTS

PICTURE = RESULTS.parents[1] / "docs" / "pictures" / "clean_errors.png"
TRAIN, BATCH = 1000, 50


def network() -> nn.Module:
    layers: list[nn.Module] = []
    for channels, inside in ((1, 32), (32, 64)):
        layers += [nn.Conv2d(channels, inside, 3, padding=1), nn.BatchNorm2d(inside), nn.ReLU(), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 16, 10))


def shifted(images: Tensor) -> Tensor:
    """Each image moved by up to two pixels in both directions."""
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    moves = torch.randint(0, 5, (len(images), 2)).tolist()
    return torch.stack([image[:, y : y + 8, x : x + 8] for image, (y, x) in zip(padded, moves, strict=True)])


def epochs(seed: int, count: int) -> Iterator[dict[str, float]]:
    """What is logged after each epoch."""
    digits = load_digits()
    images, labels = torch.tensor(digits.images).float()[:, None] / 8 - 1, torch.tensor(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    train, val = ((images[part], labels[part]) for part in (order[:TRAIN], order[TRAIN:]))
    torch.manual_seed(seed)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(1, count + 1):
        model.train()
        wrong = 0
        for chosen in torch.randperm(TRAIN).split(BATCH):
            logits, y = model(shifted(train[0][chosen])), train[1][chosen]
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, y).backward()
            optimizer.step()
            wrong += int((logits.argmax(dim=1) != y).sum())
        model.eval()
        with torch.no_grad():
            val_error = float((model(val[0]).argmax(dim=1) != val[1]).double().mean())
        usual = {"train_error": wrong / TRAIN, "val_error": val_error}
        model.train()
        clean = fitscape.log_clean_errors(
            model, train, val, logged_train_error=usual["train_error"], logged_val_error=val_error, batch_size=BATCH
        )
        yield {"epoch": epoch, **usual, **clean}


def draw(axes: Any, means: list[dict[str, float]]) -> None:
    lines = {
        "train_error": ("training, as the loop logs it", "tab:orange", "--"),
        "clean_train_error": ("training, clean", "tab:orange", "-"),
        "clean_val_error": ("validation, clean", "tab:blue", "-"),
        "val_error": ("validation, as the loop logs it", "tab:blue", "--"),
    }
    steps = [row["epoch"] for row in means]
    for key, (label, color, style) in lines.items():
        axes.plot(steps, [row[key] for row in means], label=label, color=color, linestyle=style)
    axes.set(xlabel="epoch", ylabel="error", yscale="log")
    axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=24)
    given = parser.parse_args()
    torch.set_num_threads(1)
    runs = [list(epochs(seed, given.epochs)) for seed in range(given.seeds)]
    means = [{key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} for rows in zip(*runs, strict=True)]
    machine = facts()
    held = {"machine": machine, "seeds": given.seeds, "last": means[-1], "means": means, "runs": runs}
    path = RESULTS / f"clean_errors-{machine['date'][:10]}.json"
    path.write_text(json.dumps(held, indent=1) + "\n")
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    draw(axes, means)
    figure.savefig(PICTURE, dpi=110)
    print(path, {key: round(value, 4) for key, value in means[-1].items()})


if __name__ == "__main__":
    main()
