"""Leak-free stratified splits: index arithmetic on labels and image contents, in numpy alone.

Every random draw here comes from `stream`, and uses only `Generator.random`, whose bits are the same on every
platform; permutations are made by stable sorts of those numbers.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


def stream(*key: str | int) -> np.random.Generator:
    """The random stream of one purpose, e.g. ``stream("validation", split_seed)``; streams are independent."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def content_groups(*parts: NDArray[np.uint8]) -> tuple[Indices, ...]:
    """One number an image, equal where two images [C, H, W] are equal byte for byte, over all parts [N, C, H, W]."""
    seen: dict[bytes, int] = {}
    return tuple(_numbered(map(content, part), seen) for part in parts)


def content(image: NDArray[np.uint8]) -> bytes:
    """128 bits of an image."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def groups_of(contents: Iterable[bytes]) -> Indices:
    """``content_groups`` of images whose ``content`` is known."""
    return _numbered(contents, {})


def _numbered(contents: Iterable[bytes], seen: dict[bytes, int]) -> Indices:
    return np.array([seen.setdefault(one, len(seen)) for one in contents], dtype=np.int64)


def content_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """64 bits of each image [N, C, H, W], equal where two are equal byte for byte; the same on every machine."""
    digests = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def stratified_order(labels: Indices, rng: np.random.Generator) -> Indices:
    """A random order whose every prefix is stratified: classes keep their shares to within about two images.

    The first prefix holds one image of each class, so that no class is lost while there is room for it. A prefix
    is nested in every longer one by construction.
    """
    if len(labels) == 0:
        return np.empty(0, dtype=np.int64)
    counts = np.bincount(labels)
    by_class = np.lexsort((rng.random(len(labels)), labels))
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.arange(len(labels)) - (np.cumsum(counts) - counts)[labels[by_class]]
    place = (rank + rng.random(len(labels))) / counts[labels]
    place[rank == 0] -= 1
    return np.argsort(place, kind="stable")


def hold_out(labels: Indices, groups: Indices, share: float, rng: np.random.Generator) -> Mask:
    """Which images to hold out: at most ``round(share * N)``, stratified, whole groups only.

    One group of each class always stays, so that what is held out has been seen in training. A group too big for
    the room that is left stays whole.

    Args:
        labels: class of each image [N]; a group counts under its first image's class.
        groups: content group of each image [N], see `content_groups`.
    """
    candidates, _ = _group_order(labels, groups, rng)
    return _filled(candidates, groups, round(share * len(labels)))


def halve(labels: Indices, groups: Indices, rng: np.random.Generator) -> Mask:
    """Which images are in half A: half of them, or fewer by less than the largest group; stratified.

    A class of a single group is in one half only. Arguments as in `hold_out`.
    """
    candidates, first_of_class = _group_order(labels, groups, rng)
    return _filled(np.concatenate([candidates, first_of_class]), groups, round(0.5 * len(labels)))


def _group_order(labels: Indices, groups: Indices, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Numbers of the groups in stratified order: all but one of each class, and those."""
    _, first = np.unique(groups, return_index=True)
    group_labels = labels[first]
    order = stratified_order(group_labels, rng)
    _, leading = np.unique(group_labels[order], return_index=True)
    rest = np.delete(order, leading)
    return rest[stratified_order(group_labels[rest], rng)], order[np.sort(leading)]


def _filled(order: Indices, groups: Indices, room: int) -> Mask:
    """Images of the groups taken in this order, of each that fits into the room that is left."""
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    held = np.zeros(len(sizes), dtype=np.bool_)
    for group in order:
        if sizes[group] <= room:
            held[group] = True
            room -= int(sizes[group])
        if room == 0:
            break
    return held[group_of]


@dataclass(frozen=True)
class Split:
    """Positions in the pool of images; no two parts hold the same image content."""

    train: Indices
    validation: Indices
    half_a: Mask  # over ``validation``, or over all folds: chosen on half A, estimated on half B
    test: Indices  # empty where the data set has a test part of its own
    leaked: int  # pool images left out because the data set's own test part holds them too
    folds: tuple[Indices, ...] = ()  # where there are such, ``validation`` is the first and ``train`` the others


def split(
    labels: Indices,
    groups: Indices,
    test_groups: Indices | None,
    *,
    validation_fraction: float,
    test_fraction: float,
    limit: int | None,
    seed: int,
    folds: int | None = None,
) -> Split:
    """Split a pool of images into train, validation (in two halves) and, where there is none, test.

    With ``folds`` the pool outside of test is cut into so many parts (`in_folds`). ``limit`` bounds train and
    validation together, in proportion, by nested stratified subsets: an image keeps its side when the limit changes,
    and the test part never depends on it.

    Args:
        labels: class of each pool image [N].
        groups: content group of each pool image [N].
        test_groups: content groups of the data set's own test part; None draws a test part from the pool.
    """
    if test_groups is None:
        is_test = hold_out(labels, groups, test_fraction, stream("test", seed))
        pool = np.flatnonzero(~is_test)
        leaked = 0
    else:
        is_test = np.zeros(len(labels), dtype=np.bool_)
        pool = np.flatnonzero(~np.isin(groups, test_groups))
        leaked = len(labels) - len(pool)
    if folds is not None:
        return in_folds(labels, groups, pool, np.flatnonzero(is_test), leaked, folds=folds, limit=limit, seed=seed)
    is_validation = hold_out(labels[pool], groups[pool], validation_fraction, stream("validation", seed))
    train, validation = pool[~is_validation], pool[is_validation]
    return finish(labels, groups, train, validation, np.flatnonzero(is_test), leaked, limit=limit, seed=seed)


def in_folds(
    labels: Indices,
    groups: Indices,
    pool: Indices,
    test: Indices,
    leaked: int,
    *,
    folds: int,
    limit: int | None,
    seed: int,
) -> Split:
    """Cut the ``pool`` of positions, or ``limit`` of them, into folds, each in two halves; test is as without folds."""
    if limit is not None and limit < len(pool):
        pool = _prefix(pool, labels, limit, stream("limit folds", seed))
    number = spread(labels[pool], groups[pool], folds, stream("folds", seed))
    parts = tuple(pool[number == fold] for fold in range(folds))
    halves = [halve(labels[part], groups[part], stream("halves", seed, fold)) for fold, part in enumerate(parts)]
    return Split(np.concatenate(parts[1:]), parts[0], np.concatenate(halves), test, leaked, parts)


def spread(labels: Indices, groups: Indices, folds: int, rng: np.random.Generator) -> Indices:
    """The fold of each image [N]: whole groups only, stratified.

    Class by class the largest group goes first, each to the fold that has fewest images of its class, of those to the
    one with fewest images at all: two folds differ by no more than a class's largest group in any class, and without
    groups by one image in each class and in all. A group counts under its first image's class.
    """
    if len(labels) == 0:
        return np.empty(0, dtype=np.int64)
    _, first, group_of, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    classes, ties = labels[first], rng.random(len(first))
    chosen = np.empty(len(first), dtype=np.int64)
    total = np.zeros(folds, dtype=np.int64)
    for one in np.unique(classes):
        members = np.flatnonzero(classes == one)
        mine = np.zeros(folds, dtype=np.int64)
        for group in members[np.lexsort((ties[members], -sizes[members]))]:
            fold = int(np.lexsort((total, mine))[0])
            chosen[group] = fold
            mine[fold] += sizes[group]
            total[fold] += sizes[group]
    return chosen[group_of]


def finish(
    labels: Indices,
    groups: Indices,
    train: Indices,
    validation: Indices,
    test: Indices,
    leaked: int,
    *,
    limit: int | None,
    seed: int,
) -> Split:
    """Apply the limit to train and validation, in proportion, and halve validation by whole groups."""
    pool = len(train) + len(validation)
    if limit is not None and limit < pool:
        keep = round(limit * len(validation) / pool)
        train = _prefix(train, labels, limit - keep, stream("limit train", seed))
        validation = _prefix(validation, labels, keep, stream("limit validation", seed))
    half_a = halve(labels[validation], groups[validation], stream("halves", seed))
    return Split(train, validation, half_a, test, leaked)


def _prefix(part: Indices, labels: Indices, size: int, rng: np.random.Generator) -> Indices:
    return np.sort(part[stratified_order(labels[part], rng)[:size]])
