"""The loss of a training batch. Evaluation never uses it: its losses are plain cross-entropies."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fitscape.study.config import Optimization
from fitscape.study.training.own_loss import CROSS_ENTROPY, loss_function

Loss = Callable[[Tensor, Tensor], Tensor]


def make_loss(config: Optimization, labels: Tensor, classes: int, device: torch.device) -> Loss:
    """Logits [B, K] and labels [B], or shares of the classes [B, K] -> mean loss of the batch.

    Label smoothing spreads that share of a label evenly over all classes (Szegedy et al. 2016, section 7). Balanced
    class weights are n / (K n_c): a class's images weigh as much together as any other's. The weighted losses are
    summed and divided by the number of images, so that a batch in two parts has the gradient of the whole.

    Args:
        labels: int64 [n], of the trial's training images, on any device.
    """
    if config.loss != CROSS_ENTROPY:
        return loss_function(config.loss)
    smoothing = config.label_smoothing
    if config.class_weights == "none":
        return lambda logits, targets: F.cross_entropy(logits, targets, label_smoothing=smoothing)
    counts = torch.bincount(labels.cpu(), minlength=classes)
    there = counts > 0
    weights = (len(labels) / (there.sum() * counts.clamp_min(1)) * there).float().to(device)

    def weighted(logits: Tensor, targets: Tensor) -> Tensor:
        total = F.cross_entropy(logits, targets, weight=weights, label_smoothing=smoothing, reduction="sum")
        return total / len(logits)

    return weighted
