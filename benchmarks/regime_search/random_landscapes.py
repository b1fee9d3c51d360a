"""Random landscapes: the development set on which the sampler was chosen, kept apart from the ones it is judged on."""

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from scipy.special import expit

from benchmarks.regime_search.landscapes import TAU, Array, Landscape, Truth
from fitscape.study.maps.decision import REGIMES, Cuts
from fitscape.study.maps.encoding import Encoder

LEAST_SHARE = 0.04  # every regime that occurs takes at least this share of the space


def _wave(rng: np.random.Generator, d: int, scale: float) -> "tuple[Array, Array, Array]":
    return rng.normal(size=(60, d)) / scale, rng.uniform(0, 2 * np.pi, 60), rng.normal(size=60) / np.sqrt(30)


def _at(wave: "tuple[Array, Array, Array]", u: Array) -> Array:
    frequency, phase, weight = wave
    return np.cos(u @ frequency.T + phase) @ weight


def random_landscape(seed: int) -> Landscape:
    """2 to 4 hyperparameters, perhaps a categorical, a ridge, a cliff; errors are composed as rates, not as logits."""
    rng = np.random.default_rng([20, seed])
    while True:
        landscape = _draw(rng, f"D{seed}")
        _, labels, _ = landscape.test_set()
        shares = np.array([(labels == regime).mean() for regime in REGIMES])
        nowhere, trained = shares[:2].sum(), shares[2:]
        lively = (trained > LEAST_SHARE).all() and (nowhere == 0 or nowhere > LEAST_SHARE)
        if lively and max(nowhere, trained.max()) < 0.7:
            return landscape


def _draw(rng: np.random.Generator, name: str) -> Landscape:
    d = int(rng.integers(2, 5))
    kinds = int(rng.integers(2, 4)) if rng.random() < 0.4 else 0
    smooth = rng.uniform(0.25, 0.9)
    wiggle_train, wiggle_gap, wiggle_cliff = (_wave(rng, d, smooth) for _ in range(3))
    slope_train, slope_gap = rng.normal(size=d) * 3, rng.normal(size=d) * 2
    shift = rng.normal(size=(max(kinds, 1), 2))
    steep, bend = rng.uniform(1, 6), rng.uniform(0.3, 0.7, d)
    ridge, ridge_at, ridge_width = rng.normal(size=d), rng.uniform(-0.2, 0.2), rng.uniform(0.05, 0.15)
    height = rng.uniform(0.2, 0.5) if rng.random() < 0.5 else 0.0
    cliff, cliff_at = rng.normal(size=d), rng.uniform(0.1, 0.35)
    has_cliff = rng.random() < 0.5
    level_train, level_gap = rng.uniform(-3.5, -1.5), rng.uniform(-2.5, -0.5)

    def truth(p: pd.DataFrame) -> Truth:
        u = p[[f"x{i}" for i in range(d)]].to_numpy(float)
        kind = p["kind"].to_numpy(int) if kinds else np.zeros(len(u), dtype=int)
        centred = u - bend
        train = expit(
            level_train + np.tanh(steep * centred) @ slope_train / 2 + 1.2 * _at(wiggle_train, u) + shift[kind, 0]
        )
        gap = 0.7 * expit(level_gap + centred @ slope_gap + 1.2 * _at(wiggle_gap, u) + shift[kind, 1])
        gap += height * np.exp(-(((centred @ ridge - ridge_at) / ridge_width) ** 2)) * (1 - train)
        val = np.clip(train + gap * (0.9 - train), 0.03, 0.97)
        beyond = centred @ cliff / np.linalg.norm(cliff) + 0.08 * _at(wiggle_cliff, u) > cliff_at
        return np.clip(train, 1e-4, 0.97), val, beyond & has_cliff

    space: dict[str, BaseDistribution] = {f"x{i}": FloatDistribution(0, 1) for i in range(d)}
    if kinds:
        space["kind"] = (
            CategoricalDistribution([0, 1, 2][:kinds]) if kinds < 3 else CategoricalDistribution(["0", "1", "2"])
        )
    encoder = Encoder(space)
    _, val, diverged = truth(encoder.from_unit(encoder.sobol(1024, seed=5)))
    reference = float(np.quantile(val[~diverged], 0.01)) if (~diverged).any() else 0.1
    noise = rng.uniform(0.5, 1.5)
    return Landscape(name, space, truth, Cuts(0.9, min(reference, 0.5), TAU), 0.25 * noise, 0.15 * noise)
