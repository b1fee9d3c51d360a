"""Three synthetic landscapes with a known map. The real one: tabulated.py. Random ones: random_landscapes.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.special import expit, logit

from fitscape.study.maps.decision import Cuts
from fitscape.study.maps.encoding import Encoder

Array = NDArray[np.float64]
Truth = tuple[Array, Array, NDArray[np.bool_]]  # noise-free train and validation error, diverged

TAU = 0.10
TRAIN_N, VAL_N = 2000, 1000  # images behind an error
TEST_POINTS = 1024
TOO_CLOSE = 0.05  # logits; nearer than this to a boundary a test point is not decidable


@dataclass(frozen=True)
class Outcome:
    """One simulated trial."""

    train_error: float
    val_error: float
    diverged: bool
    train_n: int = TRAIN_N
    val_n: int = VAL_N
    flip_rate: float = 0.0


@dataclass(frozen=True, eq=False)
class Landscape:
    """Noise-free errors over a space, with the noise of one run around them."""

    name: str
    space: dict[str, BaseDistribution]
    truth: Callable[[pd.DataFrame], Truth]
    cuts: Cuts
    train_sd: float = 0.25  # seed noise, logits
    val_sd: float = 0.15

    def run(self, point: dict[str, Any], rng: np.random.Generator) -> Outcome:
        train, val, diverged = (a[0] for a in self.truth(pd.DataFrame([point])))
        if diverged:
            return Outcome(np.nan, np.nan, True)
        rates = expit(logit(np.array([train, val])) + rng.normal(0, [self.train_sd, self.val_sd]))
        counts = rng.binomial([TRAIN_N, VAL_N], rates)
        return Outcome(counts[0] / TRAIN_N, counts[1] / VAL_N, False)

    def test_set(self) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.bool_]]:
        """Sobol points over the space, their true regimes, and which of them are decidable."""
        encoder = Encoder(self.space)
        points = encoder.from_unit(encoder.sobol(TEST_POINTS, seed=987))
        train, val, diverged = self.truth(points)
        labels = self.cuts.labels(train, val, diverged)
        decidable = np.ones(len(points), dtype=bool)
        for up_train in (-TOO_CLOSE, TOO_CLOSE):
            for up_val in (-TOO_CLOSE, TOO_CLOSE):
                moved = self.cuts.labels(expit(logit(train) + up_train), expit(logit(val) + up_val), diverged)
                decidable &= moved == labels
        return points, labels, decidable


def _log(column: pd.Series, low: float, high: float) -> Array:
    """A hyperparameter's place on its log axis, 0 to 1."""
    return (np.log(column.to_numpy(float)) - np.log(low)) / (np.log(high) - np.log(low))


def double_descent() -> Landscape:
    """S1: width x train fraction; a ridge of overfitting where capacity meets the number of images."""

    def truth(p: pd.DataFrame) -> Truth:
        width, fraction = _log(p["width"], 1, 64), _log(p["train_fraction"], 0.02, 1)
        capacity = width - 0.5 * fraction - 0.15 - 0.14 * np.sin(9 * fraction)  # 0 at the interpolation threshold
        train = expit(1.2 - 9.5 * width - 1.2 * np.sin(9 * fraction) + 6.5 * fraction * (1 - width))
        ridge = 3.2 * np.exp(-((capacity / 0.09) ** 2))
        val = expit(0.3 - 2.6 * fraction - 1.6 * width + ridge - 1.0 * expit((capacity - 0.22) * 25))
        return train, np.maximum(val, 0.97 * train), np.zeros(len(p), dtype=bool)

    space: dict[str, BaseDistribution] = {
        "width": FloatDistribution(1, 64, log=True),
        "train_fraction": FloatDistribution(0.02, 1, log=True),
    }
    return Landscape("S1", space, truth, Cuts(0.9, 0.05, TAU))


def divergence_cliff() -> Landscape:
    """S2: learning rate x width x weight decay x train fraction; past a bent cliff training diverges."""

    def truth(p: pd.DataFrame) -> Truth:
        lr, width = _log(p["lr"], 1e-3, 3), _log(p["width"], 0.125, 2)
        decay, fraction = _log(p["weight_decay"], 1e-6, 0.1), _log(p["train_fraction"], 0.05, 1)
        diverged = lr > 0.9 - 0.22 * width + 0.12 * np.sin(6 * decay) - 0.15 * expit((decay - 0.8) * 20)
        slow = 8 * np.maximum(0, 0.35 - lr + 0.15 * width)
        penalty = 7 * np.maximum(0, decay + 0.35 * lr - 0.85)
        train = expit(-1.4 - 4.2 * width + 2.4 * fraction * (1 - width) + slow + penalty)
        ridge = np.exp(-(((width - 0.7 * fraction - 0.15) / 0.15) ** 2))
        gap = 0.6 * expit(1.1 - 5.0 * fraction - 1.2 * width - 1.5 * decay - 1.5 * lr + 2.2 * ridge * (1 - decay))
        val = np.minimum(train + gap * (1 - train), 0.97)
        return train, np.maximum(val, 0.05), diverged

    space: dict[str, BaseDistribution] = {
        "lr": FloatDistribution(1e-3, 3, log=True),
        "width": FloatDistribution(0.125, 2, log=True),
        "weight_decay": FloatDistribution(1e-6, 0.1, log=True),
        "train_fraction": FloatDistribution(0.05, 1, log=True),
    }
    return Landscape("S2", space, truth, Cuts(0.9, 0.06, TAU))


def architectures() -> Landscape:
    """S3: three architectures x depth x weight decay x train fraction; plain nets degrade with depth."""

    def truth(p: pd.DataFrame) -> Truth:
        depth, decay = _log(p["depth"], 8, 110), _log(p["weight_decay"], 1e-6, 0.1)
        fraction = _log(p["train_fraction"], 0.05, 1)
        plain, dense = (p["family"] == "plain").to_numpy(), (p["family"] == "densenet").to_numpy()
        degradation = np.where(plain, 11 * np.maximum(0, depth - 0.35 - 0.2 * np.sin(4 * fraction)), 0)
        fit = np.where(plain, 3.0 + 2.5 * depth, np.where(dense, 4.0 - 2.5 * np.cos(5 * depth), 1.0 + 5.0 * depth))
        train = expit(0.2 - fit + degradation + 2.2 * fraction + 9 * np.maximum(0, decay - 0.65 - 0.15 * fraction))
        best_decay = np.where(dense, 0.35, 0.6)
        gap = 0.55 * expit(
            -0.4 - 4.0 * fraction + 1.8 * depth + 12 * (decay - best_decay) ** 2 - np.where(plain, 0, 0.8)
        )
        val = np.minimum(train + gap * (1 - train), 0.97)
        return train, np.maximum(val, 0.04), np.zeros(len(p), dtype=bool)

    space: dict[str, BaseDistribution] = {
        "family": CategoricalDistribution(["plain", "resnet", "densenet"]),
        "depth": IntDistribution(8, 110, log=True),
        "weight_decay": FloatDistribution(1e-6, 0.1, log=True),
        "train_fraction": FloatDistribution(0.05, 1, log=True),
    }
    return Landscape("S3", space, truth, Cuts(0.9, 0.05, TAU))
