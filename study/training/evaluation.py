"""The one evaluator: train probe and validation are measured by the same function, so their gap means something."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fitscape.study.training.memory import is_out_of_memory
from fitscape.study.training.settings import Settings

# Large enough that per-call overhead is nothing, small enough that activations of large images still fit. On the CPU
# the memory of a training step should do: new pages took up to two thirds of a narrow DenseNet121's first evaluation.
PIXELS_PER_BATCH = 2**20
PIXELS_PER_BATCH_ON_CPU = 2**17
IMAGES_FOR_ONE_TRAINED = 2  # a training step holds every layer's activations, an evaluation those of two or three


@dataclass(frozen=True)
class ImageResults:
    """Per-image results on the CPU, in the order of the images."""

    losses: Tensor  # float32 [N], cross-entropy
    predictions: Tensor  # int64 [N]
    wrong: Tensor  # bool [N]; an image whose loss is not finite counts as wrong
    confidences: Tensor  # float32 [N], probability of the predicted class

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
    trained_on: int | None = None,
) -> ImageResults:
    """``evaluate_each`` of one set of images."""
    return evaluate_each(model, [(images, labels)], normalize=normalize, settings=settings, trained_on=trained_on)[0]


def evaluate_each(
    model: nn.Module,
    sets: Sequence[tuple[Tensor, Tensor]],
    *,
    normalize: Callable[[Tensor], Tensor],
    settings: Settings,
    trained_on: int | None = None,
) -> list[ImageResults]:
    """Eval mode, no augmentation, no gradient; ``sets`` of uint8 [N, C, H, W] and labels [N] on the device.

    Leaves the model in train mode. One wait for the device in all. A batch that does not fit is halved.

    Args:
        trained_on: images that one backward pass is of: on a card an evaluation then takes no more memory than that.
    """
    results: list[Tensor] = []
    model.eval()
    with torch.inference_mode(), settings.autocast():
        for images, labels in sets:
            results += _forward(model, images, labels, normalize, batch_size(images, trained_on))
    model.train()
    # The bits of floats beside whole numbers, as one transfer.
    fetched = torch.cat(results, dim=1).cpu().split([len(labels) for _, labels in sets], dim=1)
    return [evaluation_of(part) for part in fetched]


def _forward(
    model: nn.Module, images: Tensor, labels: Tensor, normalize: Callable[[Tensor], Tensor], batch: int
) -> list[Tensor]:
    """Each batch, ``judged``."""
    rows: list[Tensor] = []
    start = 0
    while start < len(images):
        part = slice(start, start + batch)
        try:
            rows.append(judged(model(normalize(images[part])).float(), labels[part]))
        except RuntimeError as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
            batch = -(-batch // 2)
            continue
        start += batch
    return rows


def judged(logits: Tensor, labels: Tensor) -> Tensor:
    """int32 [4, B] of float32 logits [B, classes]: bits of the losses, predictions, whether those are wrong, and bits
    of the probabilities of what is predicted. Nothing waits for the device."""
    losses = F.cross_entropy(logits, labels, reduction="none")
    highest, predictions = logits.max(dim=1)
    # The argmax of NaN logits is a class like any other: without this a dead net would score chance.
    wrong = (predictions != labels) | ~losses.isfinite()
    confidences = (highest - logits.logsumexp(dim=1)).exp()
    return torch.stack([losses.view(torch.int32), predictions.int(), wrong.int(), confidences.view(torch.int32)])


def evaluation_of(fetched: Tensor) -> ImageResults:
    """``judged`` batches [4, N], on the CPU, as results per image."""
    losses, predictions, wrong, confidences = fetched
    return ImageResults(_floats(losses), predictions.long(), wrong.bool(), _floats(confidences))


def _floats(bits: Tensor) -> Tensor:
    return bits.contiguous().view(torch.float32)


def batch_size(images: Tensor, trained_on: int | None) -> int:
    """Images of [N, C, H, W], or features [N, F], that an evaluation takes at once; ``trained_on`` as above."""
    pixels = images.shape[2:].numel()
    if images.device.type == "cpu":
        return min(max(PIXELS_PER_BATCH_ON_CPU // pixels, 16), 4096)
    most = 4096 if trained_on is None else max(IMAGES_FOR_ONE_TRAINED * trained_on, 16)
    return min(max(PIXELS_PER_BATCH // pixels, 16), most, 4096)
