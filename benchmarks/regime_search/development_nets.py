"""A second table of real trials, for development: R1 is what samplers are judged on, never tuned to.

    python -m benchmarks.regime_search.development_nets FILE.parquet     a minute on one core

Multilayer perceptrons of four hidden layers, plain and residual, on scikit-learn's digits with a tenth of the
training labels redrawn; SGD at a constant rate without normalization, so that many a net collapses in mid-training:
what a map meets outside well-tamed nets. All rates and seeds of a node are trained as one batch of nets. The table
is one for ``tabulated.DigitsNets``.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import cross_entropy

ARCHITECTURES = ("mlp_plain4", "mlp_res4")
WIDTHS = (3, 6, 12, 24, 48, 96)
FRACTIONS = (0.05, 0.09, 0.16, 0.28, 0.5, 1.0)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
SEEDS = (0, 1)
EPOCHS, STEPS, BATCH, MOMENTUM, HIDDEN = 20, 14, 32, 0.9, 4
TRAIN, NOISE = 880, 0.1


class Digits:
    """Standardized images; labels of training with noise."""

    def __init__(self) -> None:
        images, self.labels = load_digits(return_X_y=True)
        self.images = torch.tensor((images - images.mean(0)) / (images.std(0) + 1e-3), dtype=torch.float32)
        rng = np.random.default_rng(7)
        order = rng.permutation(len(images))
        self.train, self.val = order[:TRAIN], order[TRAIN:]
        flips = rng.random(len(images)) < NOISE
        self.noisy = np.where(flips, rng.integers(0, 10, len(images)), self.labels)

    def part(self, fraction: float, seed: int) -> NDArray[np.intp]:
        return np.random.default_rng([seed, 1]).permutation(self.train)[: max(10, int(TRAIN * fraction))]


def parameters(width: int, seeds: list[int]) -> list[Tensor]:
    """He initialization, one net a row: weights [nets, in, out], then biases [nets, 1, out]."""
    generators = {seed: torch.Generator().manual_seed(1000 * seed + width) for seed in SEEDS}
    sizes = [(64, width), *[(width, width)] * (HIDDEN - 1), (width, 10)]
    weights = [
        torch.stack([torch.randn(i, o, generator=generators[seed]) * (2 / i) ** 0.5 for seed in seeds])
        for i, o in sizes
    ]
    return [p.requires_grad_() for p in (*weights, *(torch.zeros(len(seeds), 1, o) for _, o in sizes))]


def logits(architecture: str, nets: list[Tensor], x: Tensor) -> Tensor:
    """[nets, images, 10]"""
    layers = list(zip(nets[: HIDDEN + 1], nets[HIDDEN + 1 :], strict=True))
    h = torch.relu(torch.baddbmm(layers[0][1], x, layers[0][0]))
    for weight, bias in layers[1:-1]:
        moved = torch.relu(torch.baddbmm(bias, h, weight))
        h = moved + h if architecture == "mlp_res4" else moved
    return torch.baddbmm(layers[-1][1], h, layers[-1][0])


def trials(data: Digits, architecture: str, width: int, fraction: float) -> list[dict[str, Any]]:
    """A row per epoch of every rate and seed; a trial ends with the row in which it diverged."""
    of = list(product(RATES, SEEDS))
    rates, seeds = torch.tensor([rate for rate, _ in of]).view(-1, 1, 1), [seed for _, seed in of]
    nets = parameters(width, seeds)
    momenta = [torch.zeros_like(p) for p in nets]
    parts = {seed: data.part(fraction, seed) for seed in SEEDS}
    draws = {seed: np.random.default_rng([seed, 2]) for seed in SEEDS}
    noisy, clean = torch.tensor(data.noisy), torch.tensor(data.labels)
    alive, rows = [True] * len(of), []
    for epoch in range(1, EPOCHS + 1):
        for _ in range(STEPS):
            picked = {seed: draws[seed].choice(parts[seed], BATCH) for seed in SEEDS}
            batch = torch.tensor(np.stack([picked[seed] for seed in seeds]))
            out = logits(architecture, nets, data.images[batch])
            loss = cross_entropy(out.flatten(0, 1), noisy[batch].flatten(), reduction="sum") / BATCH
            with torch.no_grad():
                for p, momentum, gradient in zip(nets, momenta, torch.autograd.grad(loss, nets), strict=True):
                    p.sub_(rates * momentum.mul_(MOMENTUM).add_(gradient))
        with torch.no_grad():
            fit = torch.tensor(np.stack([parts[seed] for seed in seeds]))
            wrong = logits(architecture, nets, data.images[fit]).argmax(2) != noisy[fit]
            seen = logits(architecture, nets, data.images[data.val].expand(len(of), -1, -1))
            missed = (seen.argmax(2) != clean[data.val]).float()
        half = len(data.val) // 2
        for i, (rate, seed) in enumerate(of):
            if not alive[i]:
                continue
            alive[i] = bool(torch.isfinite(seen[i]).all())
            errors = {
                "train_error": wrong[i].float().mean(),
                "val_error": missed[i].mean(),
                "val_error_a": missed[i, :half].mean(),
                "val_error_b": missed[i, half:].mean(),
            }
            node = {"architecture": architecture, "width": width, "train_fraction": fraction, "lr": rate, "seed": seed}
            counts = {"epoch": epoch, "train_n": fit.shape[1], "val_n": len(data.val), "diverged": not alive[i]}
            rows.append({**node, **{name: float(e) for name, e in errors.items()}, **counts})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE.parquet")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data, rows = Digits(), list[dict[str, Any]]()
    for architecture, width, fraction in product(ARCHITECTURES, WIDTHS, FRACTIONS):
        rows += trials(data, architecture, width, fraction)
    pd.DataFrame(rows).to_parquet(given.file, compression="zstd", index=False)


if __name__ == "__main__":
    main()
