"""A trial's own view of the training split: how much of it, with which labels, under which statistics."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fitscape.study.config import DataCondition
from fitscape.study.data.splits import Indices, Mask, stratified_order, stream
from fitscape.study.data.trial_data import TrialData


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainSubset:
    """Which training images a trial sees, and the labels it is given.

    The images are in a stratified random order: every prefix is itself a stratified subset.
    """

    indices: Tensor  # int64 [n], positions in TrialData.train_images
    labels: Tensor  # int64 [n], with the noise
    flipped: Tensor  # bool [n], True where the noise changed the label
    mean: Tensor  # float32 [C], of the subset's pixels on the scale 0..255
    std: Tensor  # float32 [C], same scale, at least 1
    noisy_val_labels: Tensor  # int64 [M], validation labels under the same noise: for memorization, never for errors
    val_flipped: Tensor  # bool [M]

    @property
    def flip_rate(self) -> float:
        """Realised share of wrong training labels; about ``label_noise * (K - 1) / K`` for K classes."""
        return float(self.flipped.double().mean())


def select(data: TrialData, condition: DataCondition, seed: int) -> TrainSubset:
    """The training images and labels of one trial.

    Subset and noise are drawn from the data's fingerprint and the trial's seed, each from its own stream: trials
    of one seed share them whatever their model (paired comparison), replicates differ in them.

    - The subset is stratified, and nested over ``train_fraction``: that of 0.1 is inside that of 0.2.
    - Label noise is symmetric: the named share of training labels is drawn anew, uniformly over all K classes
      (Zhang et al. 2017, section 2.2), so 1/K of the redrawn keep theirs. An image's noise depends on neither
      fraction nor rate beyond its threshold: what is flipped at 0.1 is flipped alike at 0.2.
    - Mean and standard deviation are of the subset alone.
    """
    labels = data.train_labels.numpy()
    order = stratified_order(labels, stream(data.fingerprint, seed, "subset"))
    indices = order[: max(1, round(condition.train_fraction * len(order)))]
    classes, rate = len(data.classes), condition.label_noise
    noisy, flipped = _redraw(labels, rate, classes, stream(data.fingerprint, seed, "label noise"))
    val_stream = stream(data.fingerprint, seed, "validation label noise")
    noisy_val, val_flipped = _redraw(data.val_labels.numpy(), rate, classes, val_stream)
    mean, std = _statistics(data, torch.from_numpy(indices))
    return TrainSubset(
        indices=torch.from_numpy(indices.copy()),
        labels=torch.from_numpy(noisy[indices]),
        flipped=torch.from_numpy(flipped[indices]),
        mean=mean,
        std=std,
        noisy_val_labels=torch.from_numpy(noisy_val),
        val_flipped=torch.from_numpy(val_flipped),
    )


def probe(subset: TrainSubset, size: int) -> Tensor:
    """Positions int64 [min(size, n)] in the subset that are evaluated each epoch: a fixed stratified slice.

    Trials of one seed share these images over all fractions that hold at least ``size`` of them.
    """
    return torch.arange(min(size, len(subset.indices)))


def _redraw(labels: Indices, rate: float, classes: int, rng: np.random.Generator) -> tuple[Indices, Mask]:
    order = np.argsort(rng.random(len(labels)), kind="stable")
    fresh = (rng.random(len(labels)) * classes).astype(np.int64)
    noisy = labels.copy()
    redrawn = order[: round(rate * len(labels))]
    noisy[redrawn] = fresh[redrawn]
    return noisy, noisy != labels


def _statistics(data: TrialData, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [C]; from integer sums, hence the same on every machine."""
    height, width = data.input_shape[1:]
    pixels = len(indices) * height * width
    total, squares = data.train_moments[indices].sum(0).double().unbind(-1)
    mean = total / pixels
    std = (squares / pixels - mean**2).clamp_min(0).sqrt()
    return mean.float(), std.clamp_min(1.0).float()  # a constant channel stays finite
