"""Augmentation of a batch on its device: one random choice an image, no Python loop over images."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from fitscape.study.config import DataCondition
from fitscape.study.data.photo_augment import Augmentation, photo_steps

__all__ = ["Augmentation", "of"]


def of(condition: DataCondition) -> Augmentation:
    """All that a trial's condition does to training images: the photo's steps first, then those of ``augment``.

    It maps images [B, C, H, W] (uint8, or floats) on any device to images of the same shape, type and device.
    Every draw comes from the generator, whose device need not be that of the images: with a CPU generator the
    CPU and a GPU make the same choices. Padding and cutout are 0: black for uint8, and the mean colour, as in
    the papers, for images that are already normalised.
    """
    steps = _steps(condition)

    def augment(images: Tensor, generator: Generator) -> Tensor:
        for step in steps:
            images = step(images, generator)
        return images

    return augment


def leaves_alone(condition: DataCondition) -> bool:
    """Whether training images are the same in every epoch: nothing changes or mixes them."""
    return not _steps(condition) and condition.mixup == condition.cutmix == 0


def _steps(condition: DataCondition) -> tuple[Augmentation, ...]:
    return (*photo_steps(condition), *_STEPS[condition.augment])


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = _integers(2, images, generator).bool()
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def crop(images: Tensor, generator: Generator) -> Tensor:
    """Pad each side by an eighth and cut the size out again at random (He et al. 2015, section 4.2: 4 of 32)."""
    height, width = images.shape[2:]
    tall, wide = max(1, round(height / 8)), max(1, round(width / 8))
    top = _integers(2 * tall + 1, images, generator)
    left = _integers(2 * wide + 1, images, generator)
    # All windows as a view [B, C, 2 tall + 1, 2 wide + 1, H, W]; indexing copies only the chosen one an image.
    windows = pad(images, (wide, wide, tall, tall)).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def cutout(images: Tensor, generator: Generator) -> Tensor:
    """Blank a square of half the side, its centre anywhere (DeVries & Taylor 2017: 16 of 32 on CIFAR-10)."""
    inside = [_inside(size, _integers(size, images, generator), side=max(1, size // 2)) for size in images.shape[2:]]
    blank = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(blank, 0)


def _inside(size: int, centre: Tensor, side: int) -> Tensor:
    """bool [B, size]: the positions less than half a side from the centre."""
    offset = torch.arange(size, device=centre.device) - centre[:, None] + side // 2
    return (offset >= 0) & (offset < side)


def _integers(high: int, images: Tensor, generator: Generator) -> Tensor:
    """int64 [B] of 0 .. high - 1, drawn where the generator is, used where the images are."""
    drawn = torch.randint(high, (len(images),), generator=generator, device=generator.device)
    return drawn.to(images.device, non_blocking=True)


_STEPS: dict[str, tuple[Augmentation, ...]] = {
    "none": (),
    "flip": (flip,),
    "crop": (crop,),
    "crop_flip": (crop, flip),
    "crop_flip_cutout": (crop, flip, cutout),
}
