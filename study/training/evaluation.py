"""The one evaluator: train probe and validation are measured by the same function, so their gap means something."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.study.training.settings import Settings

# Large enough that per-call overhead is nothing, small enough that activations of large images still fit. On the CPU
# the memory of a training step should do: new pages took up to two thirds of a narrow DenseNet121's first evaluation.
PIXELS_PER_BATCH = 2**20
PIXELS_PER_BATCH_ON_CPU = 2**17


@dataclass(frozen=True)
class Evaluation:
    """Per-image results on the CPU, in the order of the images."""

    losses: Tensor  # float32 [N], cross-entropy
    predictions: Tensor  # int64 [N]
    wrong: Tensor  # bool [N]; an image whose loss is not finite counts as wrong

    def loss(self, chosen: Tensor | None = None) -> float:
        return (self.losses if chosen is None else self.losses[chosen]).double().mean().item()

    def error(self, chosen: Tensor | None = None) -> float:
        return (self.wrong if chosen is None else self.wrong[chosen]).double().mean().item()


def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    normalize: Callable[[Tensor], Tensor],
    settings: Settings,
) -> Evaluation:
    """Eval mode, no augmentation, no gradient; ``images`` uint8 [N, C, H, W] and ``labels`` on the device.

    Leaves the model in train mode. One wait for the device in all.
    """
    pixels = PIXELS_PER_BATCH_ON_CPU if images.device.type == "cpu" else PIXELS_PER_BATCH
    batch = min(max(pixels // (images.shape[-1] * images.shape[-2]), 16), 4096)
    losses, predictions = [], []
    model.eval()
    with torch.inference_mode(), settings.autocast():
        for part, targets in zip(images.split(batch), labels.split(batch), strict=True):
            logits = model(normalize(part)).float()
            losses.append(F.cross_entropy(logits, targets, reduction="none"))
            predictions.append(logits.argmax(dim=1))
    model.train()
    loss, prediction = torch.cat(losses).cpu(), torch.cat(predictions).cpu()
    # The argmax of NaN logits is a class like any other: without this a dead net would score chance.
    wrong = (prediction != labels.cpu()) | ~loss.isfinite()
    return Evaluation(loss, prediction, wrong)
