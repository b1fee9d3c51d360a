"""The three fields of a map: validation error, training error, divergence, over the features of a space."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from fitscape.study.maps.decision import Cuts, regime_probabilities
from fitscape.study.maps.divergence import DivergenceField
from fitscape.study.maps.gp import GaussianProcess
from fitscape.study.maps.inducing import process
from fitscape.study.maps.kernel import Hyper
from fitscape.study.maps.one_thread import one_thread
from fitscape.study.regimes.rule import rate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """What n trials measured. Counts of 0 mean that no binomial noise is known."""

    train_error: Array  # [n], against the labels that were trained on
    val_error: Array  # [n]
    diverged: NDArray[np.bool_]  # [n]
    train_n: Array  # [n] images behind train_error
    val_n: Array  # [n]
    flip_rate: Array  # [n] realised share of flipped training labels

    def __len__(self) -> int:
        return len(self.diverged)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Outcomes":
        return Outcomes(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def observed_z(cuts: Cuts, error: Array, n: Array, flip_rate: Array | float = 0.0) -> tuple[Array, Array]:
    """Soft-floored logits [n] of errors, and their known variances: binomial by ``n`` images (delta method)."""
    counted = n > 0
    size = np.maximum(n, 1)
    smooth = np.where(counted, rate(error, size), error)
    clean, steepness = cuts.denoised(smooth, flip_rate)
    least = np.where(counted, 0.5 / (size + 1), 0.0)
    clean = np.clip(clean, least, 1 - least)
    spread = np.clip(clean * (1 - clean), 1e-9, None) / steepness
    binomial = np.where(counted, smooth * (1 - smooth) / size / spread**2, 0.0)
    return cuts.z(clean), cuts.slope(clean) ** 2 * binomial


def lowest_error(outcomes: Outcomes, chance: float) -> float:
    """A first guess at the best validation error, for the scale's floor: the mean of the lowest twentieth."""
    errors = np.sort(outcomes.val_error[~outcomes.diverged])
    lowest = float(errors[: max(1, len(errors) // 20)].mean()) if len(errors) else 0.0
    return min(max(lowest, 0.0), 0.95 * chance)


@dataclass(frozen=True)
class ErrorPrediction:
    """Independent normal beliefs at m points, all arrays [m]."""

    val_mean: Array
    val_sd: Array
    train_mean: Array
    train_sd: Array
    p_diverged: Array

    def probabilities(self, cuts: Cuts) -> Array:
        """[m, 5] in the order of decision.REGIMES."""
        return regime_probabilities(cuts, self.val_mean, self.val_sd, self.train_mean, self.train_sd, self.p_diverged)


class Fields:
    """z of validation and of training over the trials that did not diverge, and divergence over all."""

    def __init__(
        self,
        cuts: Cuts,
        features: Array,
        outcomes: Outcomes,
        hypers: tuple[Hyper, Hyper, Hyper] | None = None,
        groups: NDArray[np.intp] | None = None,
    ) -> None:
        val_hyper, train_hyper, divergence_hyper = hypers or (None, None, None)
        self.cuts = cuts
        kept = ~outcomes.diverged
        finite = outcomes.take(kept)
        val_z, val_known = observed_z(cuts, finite.val_error, finite.val_n)
        train_z, train_known = observed_z(cuts, finite.train_error, finite.train_n, finite.flip_rate)
        groups = None if groups is None else groups[kept]
        self.val = process(features[kept], val_z, val_known, hyper=val_hyper, groups=groups)
        self.train = process(features[kept], train_z, train_known, hyper=train_hyper, groups=groups)
        self.divergence = DivergenceField(features, outcomes.diverged, divergence_hyper)

    @classmethod
    def restored(cls, cuts: Cuts, val: GaussianProcess, train: GaussianProcess, divergence: DivergenceField) -> Self:
        """The fields that these three are."""
        other = cls.__new__(cls)
        other.cuts, other.val, other.train, other.divergence = cuts, val, train, divergence
        return other

    @property
    def hypers(self) -> tuple[Hyper, Hyper, Hyper]:
        return self.val.hyper, self.train.hyper, self.divergence.gp.hyper

    @one_thread
    def optimize(self, *, steps: int, subset: int = 400, seed: int = 0, val_only: bool = False) -> None:
        """Refit the hyperparameters by at most ``steps`` L-BFGS steps each, from where they are."""
        rng = np.random.default_rng(seed)
        for field in (self.val,) if val_only else (self.val, self.train, self.divergence):
            field.optimize(steps=steps, subset=subset, rng=rng)

    def error(self, features: Array, of: Literal["val", "train"]) -> Array:
        """[m] expected error against clean labels of a run that does not diverge"""
        with one_thread:
            mean, _ = (self.val if of == "val" else self.train).predict(features)
        return np.asarray(self.cuts.error(mean))

    @one_thread
    def predict(self, features: Array) -> ErrorPrediction:
        return ErrorPrediction(*self.val.predict(features), *self.train.predict(features), self.p_diverged(features))

    @one_thread
    def p_diverged(self, features: Array) -> Array:
        """[m] P(diverged)"""
        latent, sd = self.divergence.gp.predict(features) if self.divergence.any else (np.zeros(len(features)),) * 2
        return self.divergence.probability(latent, sd**2)
