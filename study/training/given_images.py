"""Images as other people's loops have them, read without augmentation: all of them, and a sample in mixed order."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from fitscape.study.errors import UserError
from fitscape.study.training.batch_norm import MOST, SHARE, choose_images

Images = DataLoader[Any] | Dataset[Any] | tuple[Tensor, Tensor] | Iterable[Any]

READ_TWICE: Final = 8  # images, to see whether they are augmented; a flip shows in 255 of 256 cases


@dataclass(frozen=True)
class GivenImages:
    """One set of images, which can be read again and again."""

    name: str  # of the argument, for messages
    batches: Callable[[], Iterable[Any]]  # all of it
    sample: Callable[[], Iterable[Any]]  # batches of equal size, for statistics


def given_images(images: Images, name: str, batch_size: int) -> GivenImages:
    """A set of images in any of the forms that loops use.

    Of data that can be indexed the sample is drawn over all of it, as files are often sorted by class. Of an iterable
    of batches it is everything.

    Raises:
        UserError: an iterator, which is used up after one pass; or images that differ when they are read again.
    """
    if isinstance(images, tuple) and len(images) == 2 and all(isinstance(part, Tensor) for part in images):
        pixels, labels = images
        return GivenImages(
            name,
            lambda: zip(pixels.split(batch_size), labels.split(batch_size), strict=True),
            lambda: ((pixels[part], labels[part]) for part in _parts(len(pixels), batch_size)),
        )
    if isinstance(images, Dataset) and not isinstance(images, IterableDataset):
        images = DataLoader(images, batch_size=batch_size)
    if isinstance(images, DataLoader):
        return _of_loader(images, name, batch_size)
    if isinstance(images, Iterator) or not isinstance(images, Iterable):
        what = f"is a {type(images).__name__}, and has to be read more than once"
        raise UserError(what, where=name, fix="give a DataLoader, a Dataset, a pair of tensors or a list of batches")
    batches: Iterable[Any] = images
    return GivenImages(name, lambda: batches, lambda: _of_one_size(batches))


def labelled(batch: Any, name: str) -> tuple[Tensor, Tensor]:
    """Images [B, ...] and class numbers [B] of a batch that begins with them.

    Raises:
        UserError: a batch of another form.
    """
    first = list(batch[:2]) if isinstance(batch, tuple | list) else []
    if len(first) < 2 or not all(isinstance(part, Tensor) for part in first):
        what = f"gives batches that are a {type(batch).__name__}, and they have to begin with images and labels"
        raise UserError(what, where=name, fix="give tuples (images, labels)")
    pixels, labels = first
    if labels.ndim != 1 or labels.is_floating_point() or len(labels) != len(pixels):
        what = f"has labels {list(labels.shape)} of {labels.dtype} for {len(pixels)} images"
        raise UserError(what, where=name, fix="give one class number for each image, without mixup")
    return pixels, labels.long()


def _of_loader(loader: DataLoader[Any], name: str, batch_size: int) -> GivenImages:
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        return GivenImages(name, lambda: loader, lambda: _of_one_size(loader))
    indices = [index for chosen in loader.batch_sampler for index in chosen]
    if all(isinstance(index, int) for index in indices):
        indices.sort()  # so that a shuffling loader gives the same sample after each epoch
    _require_clean(loader.dataset, indices[:READ_TWICE], name)

    def sample() -> Iterable[Any]:
        parts = _parts(len(indices), loader.batch_size or batch_size)
        chosen = [[indices[i] for i in part.tolist()] for part in parts]
        return DataLoader(
            loader.dataset,
            batch_sampler=chosen,
            collate_fn=loader.collate_fn,
            num_workers=loader.num_workers,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
        )

    return GivenImages(name, lambda: loader, sample)


def _parts(count: int, batch_size: int) -> Sequence[Tensor]:
    """Positions int64 [B] of each batch that statistics are of, the same at every call."""
    if not count:
        return []
    mixed = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return choose_images(mixed, epoch_images=SHARE * MOST, batch_size=batch_size)


def _of_one_size(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches but for a smaller one at the end: each counts alike in a mean of statistics."""
    size = None
    for batch in batches:
        count = len(batch[0]) if isinstance(batch, Sequence) and batch and isinstance(batch[0], Sized) else 0
        size = count if size is None else size
        if count >= size:
            yield batch


def _require_clean(dataset: Any, indices: Iterable[Any], name: str) -> None:
    for index in indices:
        one, other = (dataset[index] for _ in range(2))
        if isinstance(one, tuple | list) and not _same(one[0], other[0]):
            what = f"image {index} differs when it is read again, so it is augmented"
            raise UserError(what, where=name, fix="give the same images without random transforms")


def _same(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
