"""K folds of the images outside the test part: each in turn is validation of the trials whose seed modulo K it is.

All folds lie one after the other, and the first K - 2 once more behind them: so the training images of each fold are
one stretch, and every trial reads a slice of what all of them share, in memory or mapped, without a copy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from fitscape.study.data.splits import Indices


def ring(folds: tuple[Indices, ...]) -> Indices:
    """The images of all folds in the order in which they are stored."""
    return np.concatenate([*folds, *folds[:-2]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """N images in ``sizes`` folds; tensors of R rows hold them as `ring` orders them."""

    sizes: tuple[int, ...]
    images: Tensor  # uint8 [R, C, H, W]
    labels: Tensor  # int64 [R]
    moments: Tensor  # int64 [R, C, 2]
    half: Tensor  # bool [N], True in half A of the own fold
    groups: Tensor | None = None  # int32 [N]

    @classmethod
    def stored(cls, fields: dict[str, Any]) -> "Folds":
        """Of a prepared data set's fields, whose ``train_...`` are rings."""
        return cls(
            sizes=tuple(map(int, fields["folds"])),
            images=fields["train_images"],
            labels=fields["train_labels"],
            moments=fields["train_moments"],
            half=fields["val_half"],
            groups=fields.get("val_groups"),
        )

    def as_stored(self) -> dict[str, Any]:
        """The fields that `stored` takes."""
        return {
            "folds": self.sizes,
            "train_images": self.images,
            "train_labels": self.labels,
            "train_moments": self.moments,
            "val_half": self.half,
            "val_groups": self.groups,
        }

    @property
    def held_out(self) -> Tensor:
        """The N images, fold after fold: each is validation of some trials."""
        return self.images[: sum(self.sizes)]

    def fields(self, fold: int) -> dict[str, Any]:
        """Those of a `TrialData` in which this fold is validation and the others are train."""
        begin = sum(self.sizes[:fold])
        end, total = begin + self.sizes[fold], sum(self.sizes)
        validation = slice(begin, end)
        last = fold == len(self.sizes) - 1
        train = slice(0, begin) if last else slice(end, begin + total)
        return {
            "train_images": self.images[train],
            "train_labels": self.labels[train],
            "train_moments": self.moments[train],
            "val_images": self.images[validation],
            "val_labels": self.labels[validation],
            "val_half": self.half[validation],
            "val_groups": None if self.groups is None else self.groups[validation],
        }
