"""What a split will lack, seen from the labels before an image is decoded. No torch: the preflight asks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fitscape.study.config import DataConfig
from fitscape.study.data.datasets.source import Counts, Labels
from fitscape.study.data.given_split import configured_split
from fitscape.study.data.splits import Split
from fitscape.study.errors import UserError

NAMED = 5
MINIMUM_PART = 4  # in each of train, validation and test


def look_ahead(config: DataConfig, found: Counts) -> None:
    """Refuse what the split of these images could not serve: it is made as if no two images were copies.

    Raises:
        UserError: folds beside a given validation part, or that cannot be; a class that validation lacks and the
            metric needs.
    """
    if config.metric != "balanced_error" and config.folds is None:
        return
    alone = np.arange(len(found.labels))
    groups = alone if found.groups is None else found.groups
    parts = configured_split(config, found.labels, alone, groups, found.parts)
    if config.folds is not None:
        require_folds(found.labels, found.classes, parts)
    kinds = len(found.classes)
    counts = [np.bincount(found.labels[part], minlength=kinds) for part in parts.folds or (parts.validation,)]
    require_every_class(config, found.classes, counts)


def require_every_class(config: DataConfig, classes: Sequence[str], counts: ArrayLike) -> None:
    """Of a metric that asks each class for its error.

    Args:
        config: the study's.
        classes: all of them [K].
        counts: images of each class in validation, or in each fold [V, K].

    Raises:
        UserError: there is none of one.
    """
    least = np.asarray(counts).min(axis=0)
    missing = [str(name) for name, count in zip(classes, least, strict=True) if not count]
    if not missing or config.metric != "balanced_error":
        return
    lacks, more = "validation, which has", "a higher validation_fraction"
    if config.folds is not None:
        lacks, more = "each fold, and one has", "fewer folds"
    shown = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if missing[NAMED:] else "")
    raise UserError(
        f"balanced_error needs every class in {lacks} no image of {shown}",
        where="data.metric",
        fix=f"give more images of it, {more}, or take metric: error",
    )


def require_folds(labels: Labels, classes: Sequence[str], parts: Split) -> None:
    """Raises UserError: a fold could not be validation, or the others could not be train."""
    begin = 0
    for number, fold in enumerate(parts.folds):
        half = parts.half_a[begin : begin + len(fold)]
        begin += len(fold)
        few = "give more images, or fewer folds"
        if len(fold) < MINIMUM_PART or half.all() or not half.any():
            what = f"fold {number} would hold {len(fold)} images or copies of one, and needs {MINIMUM_PART} that differ"
            raise UserError(what, where="data.folds", fix=few)
        there = np.unique(labels[fold])
        if len(there) < 2:
            what = f"fold {number} would hold images of one class only, {classes[there[0]]}"
            raise UserError(what, where="data.folds", fix=few)
        others = np.concatenate([other for other in parts.folds if other is not fold])
        lost = [classes[c] for c in there if c not in labels[others]]
        if lost:
            what = f"all images of class {lost[0]} are in one group, so one fold holds them all and its nets see none"
            raise UserError(what, where="data.folds", fix="give two groups of each class or more, or leave folds out")
