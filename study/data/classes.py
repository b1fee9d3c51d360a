"""Some of a data set's classes: the others' images are left out, the kept ones are numbered anew."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fitscape.study.data.datasets.source import Counts, Labels, RawData
from fitscape.study.errors import UserError

WHERE = "data.classes"
NAMED = 12  # classes that a message names


def positions(known: Sequence[str], chosen: Sequence[str | int]) -> list[int]:
    """Where the chosen classes are among the known ones, in the order in which they were chosen.

    Args:
        known: names of a data set's classes, in its order.
        chosen: names; a whole number that is no name counts from 0.

    Raises:
        UserError: one is not there, or is chosen twice.
    """
    places = {name: i for i, name in enumerate(known)}
    found = []
    for one in chosen:
        place = places.get(str(one), one if isinstance(one, int) and 0 <= one < len(known) else None)
        if place is None:
            shown = ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED} more" if known[NAMED:] else "")
            raise UserError(f"no class is called '{one}'", where=WHERE, fix=f"choose from {shown}")
        if place in found:
            raise UserError(f"{known[place]} is chosen twice", where=WHERE, fix="name each class once")
        found.append(place)
    return found


def of_classes(raw: RawData, chosen: Sequence[str | int] | None) -> RawData:
    """The images of the chosen classes, whose labels are 0, 1, ... in the order of the choice; None: all.

    Raises:
        UserError: as `positions`.
    """
    if chosen is None:
        return raw
    kept, labels, names = _relabelled(raw.labels, raw.classes, chosen)
    own_test: dict[str, Any] = {}
    if raw.test_images is not None and raw.test_labels is not None:
        in_test, test_labels, _ = _relabelled(raw.test_labels, raw.classes, chosen)
        own_test = {"test_images": raw.test_images[in_test], "test_labels": test_labels}
    left = f"{len(raw.labels) - len(labels)} images of {len(raw.classes) - len(names)} other classes are left out"
    return replace(
        raw,
        images=raw.images[kept],
        labels=labels,
        classes=names,
        parts=None if raw.parts is None else raw.parts[kept],
        groups=None if raw.groups is None else raw.groups[kept],
        names=tuple(raw.names[i] for i in np.flatnonzero(kept)) if raw.names else (),
        notes=(*raw.notes, left),
        **own_test,
    )


def kept(raw: RawData, chosen: Sequence[str | int] | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which images [N] ``of_classes`` keeps. Raises UserError: as `positions`."""
    return np.full(len(raw.labels), True) if chosen is None else _relabelled(raw.labels, raw.classes, chosen)[0]


def counted(counts: Counts, chosen: Sequence[str | int] | None) -> Counts:
    """The same of images that are not decoded yet."""
    if chosen is None:
        return counts
    kept, labels, names = _relabelled(counts.labels, counts.classes, chosen)
    return Counts(
        names,
        labels,
        None if counts.parts is None else counts.parts[kept],
        None if counts.groups is None else counts.groups[kept],
    )


def _relabelled(
    labels: Labels, known: Sequence[str], chosen: Sequence[str | int]
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Labels, tuple[str, ...]]:
    """Which images are kept [N], their new labels, and the names of these."""
    places = positions(known, chosen)
    new = np.full(len(known), -1, dtype=np.int64)
    new[places] = np.arange(len(places))
    kept = new[labels] >= 0
    return kept, new[labels[kept]], tuple(known[place] for place in places)
