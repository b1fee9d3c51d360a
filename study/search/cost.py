"""What a trial costs: operations counted from its config, and seconds learned from trials that were timed."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fitscape.models.spec import ModelSpec
from fitscape.models.weight_names import NONE
from fitscape.study.config import TrialConfig

Array = NDArray[np.float64]

WIDTH: Final = 0.25  # a narrow net is counted quickly; convolutions grow with the square of the width
TRAINED: Final = 3  # forward passes that a training step takes
SHARE, FEWEST, MOST = 10, 64, 1024  # images that re-estimate batch norm, as `study.training.batch_norm` has them
# Prior of the log seconds per operation: what is common to all, of each architecture, and by ln width, ln operations
# and ln batch. Wide nets and large batches use a core or a card better, by as much as the latter three allow.
COMMON: Final = -23.0
TYPICAL: Final = 23.0  # ln operations of an epoch
SPREAD: Final = {"common": 5.0, "architecture": 1.0, "width": 0.5, "operations": 0.3, "batch": 0.3}
NOISE: Final = 0.15  # standard deviation of the log of a trial's seconds per epoch, expected before many are known ...
NOISE_WEIGHT: Final = 4.0  # ... as if it had been seen in so many trials
# Hyperparameters of a net that its operations depend on, but for the width.
_COUNTED: Final = tuple(f.name for f in fields(ModelSpec) if f.name not in ("width", "init", "dropout", "weights"))
TIMED_NOISE: Final = 0.25  # of an estimate from a few timed steps


@dataclass(frozen=True)
class Work:
    """Operations of a trial on one data set, up to a factor common to all trials of a study.

    Args:
        images: in the training split.
        probe: most images of the training split that are evaluated after each epoch.
        validation: images that are evaluated after each epoch.
        input_shape: (C, H, W) of one image as it was prepared.
        classes: number of classes.
    """

    images: int
    probe: int
    validation: int
    input_shape: tuple[int, int, int]
    classes: int

    def seen(self, config: TrialConfig) -> float:
        """Images that an epoch trains on, repeats counted."""
        optimization = config.optimization
        if optimization.steps_per_epoch is None:
            return self.images * config.data.train_fraction
        return float(optimization.steps_per_epoch * optimization.batch_size)

    def evaluated(self, config: TrialConfig) -> float:
        """Images that pass forward after an epoch: those that are evaluated, and those that re-estimate batch norm."""
        subset = self.images * config.data.train_fraction
        evaluated = min(self.probe, subset) + self.validation
        if not evaluated or config.model.norm != "batch" or config.evaluation.batch_norm != "reestimated":
            return evaluated
        return evaluated + min(max(self.seen(config) / SHARE, FEWEST), MOST, subset)

    def epoch(self, config: TrialConfig) -> float:
        """Operations of one epoch, its evaluation included; at least 1."""
        each = flops(config.model, config.data.shape_of(self.input_shape), self.classes)
        return max(1.0, (TRAINED * self.seen(config) + self.evaluated(config)) * each)

    def trial(self, config: TrialConfig) -> float:
        """Operations of the whole trial."""
        return config.optimization.epochs * self.epoch(config)


def flops(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> float:
    """Operations of a net's forward pass of one image; 0 where no such net can be built for it."""
    return _scaled(spec, input_shape, classes, 1)


def parameters(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> float:
    """A net's parameters, near enough to compare nets; 0 as for :func:`flops`."""
    return _scaled(spec, input_shape, classes, 0)


def _scaled(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int, which: Literal[0, 1]) -> float:
    if spec.own:  # whose code this process does not run
        return 1.0
    if spec.timm:  # of one width
        return _counted(replace(spec, dropout=0.0, weights=NONE), input_shape, classes)[which]
    kept = tuple(getattr(spec, name) for name in _COUNTED)
    return _narrow(kept, input_shape, classes)[which] * (spec.width / WIDTH) ** 2


@lru_cache(maxsize=256)
def _narrow(kept: tuple[Any, ...], input_shape: tuple[int, int, int], classes: int) -> tuple[int, int]:
    """Of the net with these values of ``_COUNTED``; thousands of trials and candidates share a few of them."""
    spec = ModelSpec(**dict(zip(_COUNTED, kept, strict=True)), width=WIDTH)
    return _counted(spec, input_shape, classes)


@lru_cache(maxsize=256)
def _counted(spec: ModelSpec, input_shape: tuple[int, int, int], classes: int) -> tuple[int, int]:
    from fitscape.models.size import measure  # torch: not before it is needed

    try:
        return measure(spec, input_shape, classes)
    except ValueError:  # no such net for images of this size: its trial will fail, and say so, at once
        return 0, 0


class CostModel:
    """Seconds that a trial takes, from its operations and from the trials that were timed.

    Bayesian linear regression of the log seconds per operation on the architecture, ln width, ln operations and ln
    batch size, each epoch's mean of a trial being one observation. The prior alone says nothing in seconds: ask only
    once ``known``. Thread-safe.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self._guard = threading.Lock()
        self._timed: dict[str, tuple[TrialConfig, float, float]] = {}
        self._operations: dict[str, float] = {}  # of an epoch of each timed trial: counting them takes most of a fit
        self._names: list[str] = []
        self._fit: tuple[Array, Array, float] | None = None  # mean, covariance, noise variance

    @property
    def known(self) -> bool:
        """Whether anything was timed."""
        return bool(self._timed)

    def learn(self, config: TrialConfig, seconds: float, noise: float = 0.0) -> None:
        """A trial of ``config`` takes ``seconds`` an epoch; a later call of the same trial replaces an earlier one.

        Args:
            noise: standard deviation of the log of what was measured, beyond that of a trial.
        """
        if not (np.isfinite(seconds) and seconds > 0):
            return
        with self._guard:
            self._timed[config.trial_id] = config, seconds, noise
            self._fit = None

    def epoch(self, configs: Sequence[TrialConfig]) -> tuple[Array, Array]:
        """Median seconds of an epoch of each trial, and the standard deviation of their log, both [n]."""
        with self._guard:
            if self._fit is None:
                self._fit = self._fitted()
            mean, covariance, noise = self._fit
            operations = np.array([self.work.epoch(config) for config in configs])
            x = self._features(configs, operations)
        sd = np.sqrt(noise + np.einsum("ij,jk,ik->i", x, covariance, x))
        return operations * np.exp(COMMON + x @ mean), sd

    def _fitted(self) -> tuple[Array, Array, float]:
        timed = list(self._timed.values())
        self._names = sorted({config.model.name for config, _, _ in timed})
        for name, (config, _, _) in self._timed.items():
            if name not in self._operations:
                self._operations[name] = self.work.epoch(config)
        operations = np.array([self._operations[name] for name in self._timed])
        x = self._features([config for config, _, _ in timed], operations)
        y = np.log([seconds for _, seconds, _ in timed]) - np.log(operations) - COMMON
        extra = np.array([noise**2 for _, _, noise in timed])
        prior = np.array(
            [SPREAD["common"]]
            + [SPREAD["architecture"]] * len(self._names)
            + [SPREAD[name] for name in ("width", "operations", "batch")]
        )
        noise, mean, covariance = NOISE**2, np.zeros(len(prior)), np.diag(prior**2)
        for _ in range(2):  # with the expected noise, then with that of the residuals
            weights = 1 / (noise + extra)
            covariance = np.linalg.inv(np.diag(prior**-2) + (x.T * weights) @ x)
            mean = covariance @ (x.T @ (weights * y))
            left = (y - x @ mean) ** 2
            noise = (NOISE_WEIGHT * NOISE**2 + float(left.sum())) / (NOISE_WEIGHT + len(y))
        return mean, covariance, noise

    def _features(self, configs: Sequence[TrialConfig], operations: Array) -> Array:
        """[n, p] what the seconds per operation depend on; ``operations`` [n] of an epoch."""
        nets = [config.model.name for config in configs]  # composed anew each time
        x = np.array(
            [
                [
                    1.0,
                    *(float(net == name) for name in self._names),
                    np.log(config.model.width / WIDTH),
                    np.log(count) - TYPICAL,
                    np.log(config.optimization.batch_size / 64),
                ]
                for config, net, count in zip(configs, nets, operations, strict=True)
            ]
        )
        return x.reshape(len(operations), 4 + len(self._names))
