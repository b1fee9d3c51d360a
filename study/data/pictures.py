"""Small pictures of a data set, for people: what a class looks like on average, and a few of its images."""

import base64
import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fitscape.study.data.trial_data import TrialData

SIDE: Final = 40  # pixels at most
CLASSES: Final = 20  # that are shown
EXAMPLES: Final = 4  # of a class
AVERAGED: Final = 200  # training images of a class


def portraits(data: TrialData) -> list[dict[str, Any]]:
    """JSON: by class its ``name``, the ``mean`` of its first training images, and ``examples`` of them, all PNG."""
    labels = data.train_labels.numpy()
    found = []
    for c, name in enumerate(data.classes[:CLASSES]):
        members = np.flatnonzero(labels == c)[:AVERAGED]
        if len(members):
            mean = np.stack([data.train_images[int(i)].numpy() for i in members]).mean(axis=0)
            shown = [thumbnail(data.train_images[int(i)].numpy()) for i in members[:EXAMPLES]]
            found.append({"name": str(name), "mean": thumbnail(mean.round().astype(np.uint8)), "examples": shown})
    return found


def look_alikes(data: TrialData, pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON: each pair (``train`` and ``validation``, positions, and ``names``) with PNGs in the place of positions."""
    parts = {"validation": data.val_images, "train": data.train_images}
    return [
        {"names": pair["names"], **{part: thumbnail(images[pair[part]].numpy()) for part, images in parts.items()}}
        for pair in pairs
    ]


def thumbnails(images: Tensor, positions: Sequence[int]) -> dict[str, str]:
    """PNGs of some images [N, C, H, W], by position."""
    return {str(i): thumbnail(images[i].numpy()) for i in positions}


def thumbnail(image: NDArray[np.uint8]) -> str:
    """A PNG of an image [C, H, W] in base64, no larger than SIDE."""
    grey = image.shape[0] < 3
    picture = Image.fromarray(image[0] if grey else np.ascontiguousarray(image[:3].transpose(1, 2, 0)))
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "png", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")
