"""Labels that look wrong: every good net calls the image by another class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fitscape.study.records import ImageSet, Predictions

LEAST_NETS: Final = 3  # fewer agree by chance too often to accuse a label


@dataclass(frozen=True)
class Suspect:
    """One image whose label nobody believes."""

    image: int  # position in validation
    label: int
    called: int  # the class that every net calls it
    confidence: float  # mean probability of that class


def suspects_in_folds(images: ImageSet, said: Sequence[tuple[slice, Predictions]]) -> list[Suspect]:
    """`suspects` where each net has spoken of some rows of the images: those that it was not trained on."""
    nets: dict[tuple[int, int], list[Predictions]] = {}
    for rows, one in said:
        nets.setdefault((rows.start, rows.stop), []).append(one)
    found = [
        replace(suspect, image=suspect.image + start)
        for (start, stop), mine in nets.items()
        for suspect in suspects(images.part(slice(start, stop)), mine)
    ]
    return sorted(found, key=lambda suspect: -suspect.confidence)


def suspects(images: ImageSet, nets: Sequence[Predictions]) -> list[Suspect]:
    """Images [M] that every one of these nets calls by one and the same other class, the surest first.

    With one voice: images that are only hard are called by several classes. Fewer than ``LEAST_NETS`` nets accuse
    no label. The nets have to be good ones; what unites bad nets is what they never learned.
    """
    if len(nets) < LEAST_NETS:
        return []
    called: NDArray[np.uint16] = np.stack([net.classes for net in nets])
    confidences = np.stack([net.confidences for net in nets])
    named = (confidences > 0).all(axis=0)  # 0: the loss is not finite, and no class is named
    agreed = (called == called[0]).all(axis=0) & (called[0] != images.labels) & named
    confidence = confidences.mean(axis=0)
    found = np.flatnonzero(agreed)
    order = found[np.argsort(-confidence[found], kind="stable")]
    return [Suspect(int(i), int(images.labels[i]), int(called[0, i]), float(confidence[i])) for i in order]
