"""Batch norm's statistics as an evaluation sees them: of clean training images, under the weights as they are.

Running averages (momentum 0.1) forget slowly what the activations were under earlier weights. After a few dozen
steps they lag so far behind that a net which fits its training images is measured as one that guesses. Precise batch
norm: Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from fitscape.study.training.freezing import is_frozen, normalizing

# Images that the statistics are of: a tenth of those an epoch trains on, whose forward pass costs about 3 % of it.
# 64 give errors within a point of those that a thousand give (benchmarks/results/batch_norm_lag-2026-11-26.md).
SHARE, FEWEST, MOST = 10, 64, 1024
SMALLEST_BATCH = 16  # statistics of a few images are those of no population, whatever the trial's batches are


def choose_images(indices: Tensor, *, epoch_images: int, batch_size: int) -> tuple[Tensor, ...]:
    """The batches that statistics are of: the first images of a trial's subset, or all where it is small.

    Args:
        indices: int64 [n], the subset in its stratified order, which the trial's seed has drawn.
        epoch_images: images of one epoch.
        batch_size: images of a training step.

    Returns:
        Batches of equal size, no larger than a training step's or an evaluation's.
    """
    count = min(max(epoch_images // SHARE, FEWEST), MOST, len(indices))
    batches = -(-count // max(batch_size, SMALLEST_BATCH))
    size = count // batches
    return indices[: size * batches].split(size)


@contextmanager
def reestimated(
    model: nn.Module, batches: Iterable[Tensor], autocast: AbstractContextManager[object]
) -> Iterator[None]:
    """Inside, each batch norm holds the mean over ``batches`` of their statistics; afterwards what it held before.

    Only the batch norms are in train mode while they see the batches: dropout is off as in evaluations, so that no
    random number is drawn. Nothing waits for the device.

    Args:
        model: left in train mode.
        batches: normalized images [B, C, H, W], of equal B, on the model's device; not looked at where no layer keeps
            averages.
        autocast: as in training; anything else that forward passes run in is allowed.
    """
    layers = _tracking(model)
    if not layers:
        yield
        return
    buffers = [buffer for layer in layers for buffer in layer.buffers(recurse=False)]
    kept = [buffer.clone() for buffer in buffers]
    try:
        _estimate(model, layers, batches, autocast)
        yield
    finally:
        for buffer, value in zip(buffers, kept, strict=True):
            buffer.copy_(value)


def _tracking(model: nn.Module) -> list[nn.BatchNorm2d]:
    """Layers whose running averages are to be measured anew: those of frozen layers are part of the weights.

    Other people freeze a layer by putting it alone into eval mode.
    """
    held = (lambda layer: is_frozen(layer) or not layer.training) if model.training else is_frozen
    return [layer for layer in normalizing(model) if not held(layer)]  # type: ignore[misc]


def _estimate(
    model: nn.Module,
    layers: Sequence[nn.BatchNorm2d],
    batches: Iterable[Tensor],
    autocast: AbstractContextManager[object],
) -> None:
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.train()
        for buffer in layer.buffers(recurse=False):
            buffer.zero_()  # first, as a share of 0 of a NaN is NaN
    try:
        with torch.inference_mode(), autocast:
            for seen, images in enumerate(batches, 1):
                for layer in layers:
                    layer.momentum = 1 / seen  # so the running average is the mean
                model(images)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train()
