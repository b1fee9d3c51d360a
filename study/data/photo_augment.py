"""Augmentation of photos: one warp and one change of colour an image, drawn for each image of a batch by itself."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from fitscape.study.config import DataCondition

LEAST_RATIO = 3 / 4  # of a cut's sides, and its inverse at most (Szegedy et al. 2015, section 6)
GREY = (0.299, 0.587, 0.114)  # luma of red, green and blue (ITU-R BT.601), as Pillow's
OPERATIONS = 2  # of RandAugment an image (Cubuk et al. 2019, section 4: N = 2 for CIFAR)
STRONGEST = 10

Augmentation = Callable[[Tensor, Generator], Tensor]


def photo_steps(condition: DataCondition) -> Iterator[Augmentation]:
    """What a trial's condition asks for beyond ``augment``, in order; nothing by default, and then nothing is drawn.

    Each maps images [B, C, H, W] (uint8) to images of the same shape and type, and draws from the generator alone.
    """
    if condition.crop_scale < 1 or condition.rotation > 0:
        yield lambda images, generator: warp(images, generator, condition.crop_scale, condition.rotation)
    if condition.colour_jitter > 0:
        yield lambda images, generator: colour_jitter(images, generator, condition.colour_jitter)
    if condition.rand_augment > 0:
        yield lambda images, generator: rand_augment(images, generator, condition.rand_augment)


def warp(images: Tensor, generator: Generator, crop_scale: float, rotation: float) -> Tensor:
    """Random resized crop and rotation in one resampling, so that pixels are blurred once.

    The cut covers a share of the area drawn from ``crop_scale`` to 1, with sides of a ratio of 3/4 to 4/3 (log-uniform,
    cut short at the image's edge; Szegedy et al. 2015, section 6), anywhere in the image; it is turned by up to
    ``rotation`` degrees either way. What lies outside the image is its mirror image.
    """
    area = crop_scale + (1 - crop_scale) * uniform(images, generator)
    ratio = torch.exp((2 * uniform(images, generator) - 1) * math.log(1 / LEAST_RATIO) * (crop_scale < 1))
    wide, tall = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    x, y = ((2 * uniform(images, generator) - 1) * (1 - side) for side in (wide, tall))
    angle = (2 * uniform(images, generator) - 1) * math.radians(rotation)
    return _resampled(images, wide, tall, angle, x, y)


def colour_jitter(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Brightness, contrast and, in colour, saturation, each times 1 - ``strength`` to 1 + ``strength``."""
    floats = images.float()
    brightness, contrast, saturation = (1 + strength * (2 * uniform(images, generator) - 1) for _ in range(3))
    floats = (floats * _wide(brightness)).clamp(0, 255)
    middle = _grey(floats).mean((1, 2, 3), keepdim=True)
    floats = (middle + (floats - middle) * _wide(contrast)).clamp(0, 255)
    if images.shape[1] == 3:
        grey = _grey(floats)
        floats = grey + (floats - grey) * _wide(saturation)
    return _as_before(floats, images)


def rand_augment(images: Tensor, generator: Generator, magnitude: float) -> Tensor:
    """Two operations an image, drawn evenly from a list, each at ``magnitude`` of 10 (Cubuk et al. 2019, section 3).

    The list: nothing, turn, shift, stretch, brightness, contrast, solarize, posterize.
    """
    strength = magnitude / STRONGEST
    for _ in range(OPERATIONS):
        chosen = (uniform(images, generator) * len(_OPERATIONS)).long()
        signed = strength * torch.where(uniform(images, generator) < 0.5, -1.0, 1.0)
        changed = images
        for number, operation in enumerate(_OPERATIONS):
            changed = torch.where(_wide(chosen == number), operation(images, signed), changed)
        images = changed
    return images


def _turn(images: Tensor, signed: Tensor) -> Tensor:
    one, zero = torch.ones_like(signed), torch.zeros_like(signed)
    return _resampled(images, one, one, signed * math.radians(30), zero, zero)


def _shift(images: Tensor, signed: Tensor) -> Tensor:
    one, zero = torch.ones_like(signed), torch.zeros_like(signed)
    return _resampled(images, one, one, zero, signed * 0.6, zero)


def _stretch(images: Tensor, signed: Tensor) -> Tensor:
    one, zero = torch.ones_like(signed), torch.zeros_like(signed)
    return _resampled(images, one - 0.3 * signed, one, zero, zero, zero)


def _brightness(images: Tensor, signed: Tensor) -> Tensor:
    return _as_before(images.float() * _wide(1 + 0.9 * signed), images)


def _contrast(images: Tensor, signed: Tensor) -> Tensor:
    floats = images.float()
    middle = _grey(floats).mean((1, 2, 3), keepdim=True)
    return _as_before(middle + (floats - middle) * _wide(1 + 0.9 * signed), images)


def _solarize(images: Tensor, signed: Tensor) -> Tensor:
    return torch.where(images >= _wide(256 - 256 * signed.abs()), 255 - images, images)


def _posterize(images: Tensor, signed: Tensor) -> Tensor:
    step = _wide(2 ** (4 * signed.abs()).round())
    return _as_before((images.float() / step).floor() * step, images)


_OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda images, _: images,
    _turn,
    _shift,
    _stretch,
    _brightness,
    _contrast,
    _solarize,
    _posterize,
)


def _resampled(images: Tensor, wide: Tensor, tall: Tensor, angle: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Each image [B] as a window of it: ``wide`` and ``tall`` shares of its sides, turned, centred at (x, y)."""
    aspect = images.shape[-1] / images.shape[-2]
    sine, cosine = angle.sin(), angle.cos()
    rows = torch.stack([wide * cosine, -tall * sine / aspect, x, wide * sine * aspect, tall * cosine, y], dim=1)
    grid = affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    found = grid_sample(images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _as_before(found, images)


def _grey(floats: Tensor) -> Tensor:
    if floats.shape[1] != 3:
        return floats.mean(1, keepdim=True)
    return (floats * floats.new_tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _wide(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _as_before(floats: Tensor, images: Tensor) -> Tensor:
    return floats.round().clamp(0, 255).to(images.dtype)


def uniform(images: Tensor, generator: Generator) -> Tensor:
    """float32 [B] in [0, 1), drawn where the generator is, used where the images are."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    return drawn.to(images.device, non_blocking=True)
