"""The split that a config asks for, one that the user brings, and groups that may not be torn; without torch."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fitscape.study.config import DataConfig
from fitscape.study.data.splits import Indices, Mask, Split, finish, hold_out, in_folds, split, stream
from fitscape.study.errors import UserError

Parts = NDArray[np.int8]


class SplitPart(IntEnum):
    """The part that an image is given to."""

    DRAWN = -1  # to none: the split decides
    TRAIN = 0
    VALIDATION = 1
    TEST = 2

    @property
    def text(self) -> str:
        return self.name.lower()


def joined(*groupings: Indices) -> Indices:
    """The finest grouping [N] that tears no group of any of the given ones (connected components)."""
    size = len(groupings[0])
    rows = np.tile(np.arange(size), len(groupings))
    offset, columns = 0, []
    for grouping in groupings:
        _, members = np.unique(grouping, return_inverse=True)
        columns.append(members + offset)
        offset += int(members.max(initial=-1)) + 1
    nodes = size + offset
    entries = (np.ones(len(rows), dtype=np.int8), (rows, np.concatenate(columns) + size))
    links = coo_array(entries, shape=(nodes, nodes))
    return np.asarray(connected_components(links, directed=False)[1][:size], dtype=np.int64)


def straddling(groups: Indices, parts: Parts) -> Indices:
    """The groups that have images in two given parts, in order."""
    given = parts != SplitPart.DRAWN
    pairs = np.unique(np.stack([groups[given], parts[given].astype(np.int64)]), axis=1)
    found, counts = np.unique(pairs[0], return_counts=True)
    return np.asarray(found[counts > 1], dtype=np.int64)


def configured_split(
    config: DataConfig,
    labels: Indices,
    contents: Indices,
    groups: Indices,
    parts: Parts | None,
    *,
    test_contents: Indices | None = None,
) -> Split:
    """The split of a pool of images, as ``config`` and the parts that the user gave ask for it.

    Args:
        labels, contents, groups: [N], as for :func:`split_as_given`; `contents` is not looked at without ``parts``.
        test_contents: of images that the data set itself holds out, as for :func:`split`.

    Raises:
        UserError: folds beside a given validation part; or as :func:`split_as_given`.
    """
    if config.folds is not None:
        require_no_validation(parts)
    sizes: dict[str, Any] = {
        "validation_fraction": config.validation_fraction,
        "test_fraction": config.test_fraction,
        "limit": config.limit,
        "seed": config.split_seed,
        "folds": config.folds,
    }
    if parts is not None:
        return split_as_given(labels, contents, groups, parts, **sizes)
    return split(labels, groups, test_contents, **sizes)


def require_no_validation(parts: Parts | None) -> None:
    """What folds ask of the user's own split. Raises UserError: it gives images to validation."""
    if parts is not None and (parts == SplitPart.VALIDATION).any():
        what = "the images have a validation part of their own, which cannot be combined with folds"
        raise UserError(what, where="data.folds", fix="leave folds out, or give train and test alone")


def split_as_given(
    labels: Indices,
    contents: Indices,
    groups: Indices,
    parts: Parts,
    *,
    validation_fraction: float,
    test_fraction: float,
    limit: int | None,
    seed: int,
    folds: int | None = None,
) -> Split:
    """The user's own train, validation and test, each completed by whole groups where it is not given.

    Where no image is given to validation, it is cut from what is not test; with ``folds``, that becomes folds. Where
    none is given to test, that is cut from train, and the given validation stays whole. Images to train or validate on
    whose very content lies in test are left out, and so are images to train on whose content lies in validation: they
    count as ``leaked``.

    Args:
        labels: class of each image [N].
        contents: content group of each image [N], see ``splits.content_groups``.
        groups: grouping [N] that no cut may tear; it must not tear ``contents``.
        parts: the part of each image [N]; `Part.DRAWN` leaves it to the split.
    """
    is_test, is_validation = parts == SplitPart.TEST, parts == SplitPart.VALIDATION
    if not is_test.any():
        is_test = _cut(labels, groups, ~is_validation, test_fraction, stream("test", seed))
    open_ = ~is_test & ~np.isin(contents, contents[is_test])
    if folds is not None:
        pool, leaked = np.flatnonzero(open_), int((~is_test & ~open_).sum())
        return in_folds(labels, groups, pool, np.flatnonzero(is_test), leaked, folds=folds, limit=limit, seed=seed)
    if not is_validation.any():
        is_validation = _cut(labels, groups, open_, validation_fraction, stream("validation", seed))
    is_validation &= open_
    is_train = open_ & ~is_validation & ~np.isin(contents, contents[is_validation])
    leaked = len(labels) - int(is_test.sum() + is_validation.sum() + is_train.sum())
    train, validation = np.flatnonzero(is_train), np.flatnonzero(is_validation)
    return finish(labels, groups, train, validation, np.flatnonzero(is_test), leaked, limit=limit, seed=seed)


def _cut(labels: Indices, groups: Indices, pool: Mask, share: float, rng: np.random.Generator) -> Mask:
    """Held-out images among those of the pool, as a mask over all images."""
    held = np.zeros(len(labels), dtype=np.bool_)
    where = np.flatnonzero(pool)
    held[where] = hold_out(labels[where], groups[where], share, rng)
    return held
