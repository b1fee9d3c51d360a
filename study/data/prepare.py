"""From a data set as it was read to its sealed parts: group duplicates, split, check, describe."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fitscape.study.config import DataConfig
from fitscape.study.data.classes import of_classes
from fitscape.study.data.datasets.source import MINIMUM_IMAGES, Labels, RawData
from fitscape.study.data.folds import ring
from fitscape.study.data.foreseen import MINIMUM_PART, require_folds
from fitscape.study.data.given_split import configured_split, joined
from fitscape.study.data.near_copies import NearCopies
from fitscape.study.data.pixels import Pixels, Pool
from fitscape.study.data.room import require_memory
from fitscape.study.data.splits import Indices, Split
from fitscape.study.data.trial_data import shared_tensor
from fitscape.study.errors import UserError
from fitscape.study.measures.wording import percent

WARN_FROM = 0.03  # share of held-out images with a near copy in train
EXAMPLES = 3
PICTURED = 6


@dataclass(frozen=True)
class Prepared:
    """What the cache holds."""

    # ``trial``: TrialData's fields but probe_size. ``images``: who those of train and validation are. ``test``: images
    # uint8 [T, C, H, W], labels int64 [T].
    parts: dict[str, dict[str, Any]]
    facts: dict[str, Any]  # JSON: what `SealedData.summary` returns


def prepare(raw: RawData, config: DataConfig, pool: Pool | None = None) -> Prepared:
    """Resize, split and describe.

    Args:
        raw: as it was read.
        config: the study's.
        pool: the pixels of the images of the chosen classes; None: they are ``raw.images``, in memory.

    Raises:
        UserError: an unknown class, one class, or too few images; it states the minimum.
    """
    raw, read = of_classes(raw, config.classes), len(raw.labels)
    _require(raw)
    pool = pool or _in_memory(raw, config.image_size)
    labels = raw.labels
    contents, test_contents = pool.contents()
    parts = _split(raw, config, contents, test_contents)
    test_labels = labels[parts.test] if raw.test_labels is None else raw.test_labels
    named = {"train": labels[parts.train], "validation": labels[parts.validation], "test": test_labels}
    _require_parts(raw, named, parts)
    stored, held = (ring(parts.folds), np.concatenate(parts.folds)) if parts.folds else (parts.train, parts.validation)
    trial: dict[str, Any] = {
        "train_images": shared_tensor(pool.part("train", stored)),
        "train_labels": torch.from_numpy(labels[stored]),
        "train_moments": torch.from_numpy(pool.moments("train")),
        "val_images": shared_tensor(pool.part("validation", parts.validation)),
        "val_labels": torch.from_numpy(named["validation"]),
        "val_half": torch.from_numpy(parts.half_a),
        "classes": raw.classes,
    }
    test = {"images": shared_tensor(pool.part("test", parts.test)), "labels": torch.tensor(test_labels)}
    trial["fingerprint"] = _fingerprint(trial, test)
    if raw.groups is not None:  # after the fingerprint: they change no number that a trial gives
        trial["val_groups"] = torch.from_numpy(raw.groups[held].astype(np.int32))
    if parts.folds:
        trial["folds"] = [len(fold) for fold in parts.folds]
    look_alikes, warnings = _look_alikes(raw, pool, parts, raw.test_images is None)
    holder = "the test part" if raw.parts is None else "a held-out part"
    notes = [
        *raw.notes,
        *_missing_classes(named, raw.classes),
        *([f"{parts.leaked} images left out of train: {holder} holds them too"] if parts.leaked else []),
        *_duplicates(contents, labels),
        *warnings,
    ]
    facts = {
        "fingerprint": trial["fingerprint"],
        "classes": raw.classes,
        "input_shape": tuple(trial["train_images"].shape[1:]),
        "images": {part: len(members) for part, members in named.items()},
        "images_by_class": {part: _counted(members, raw) for part, members in named.items()},
        **({"folds": [_counted(labels[fold], raw) for fold in parts.folds]} if parts.folds else {}),
        "read": read,
        "unreadable": raw.unreadable,
        "notes": notes,
        "warnings": warnings,
        **({"look_alikes": look_alikes} if look_alikes else {}),
        "sizes": raw.sizes,
    }
    chosen = {"train": stored, "validation": parts.validation}
    who = {part: _who(raw, pool.hashes(part), indices) for part, indices in chosen.items()}
    return Prepared({"trial": trial, "images": who, "test": test}, facts)


def _counted(labels: Labels, raw: RawData) -> list[int]:
    """Images of each class."""
    return np.bincount(labels, minlength=len(raw.classes)).tolist()


def _more(raw: RawData) -> str:
    """What would fill a part that is too small."""
    if np.bincount(raw.labels).max() == 1:
        return f"give several images of each class: each of the {len(raw.classes)} has one"
    return "give more images, another fraction or a higher limit"


def _in_memory(raw: RawData, size: int | None) -> Pixels:
    """Raises UserError: they would not fit there."""
    count = len(raw.images) + (0 if raw.test_images is None else len(raw.test_images))
    height, width = raw.images.shape[2:] if size is None else (size, size)
    require_memory(count * raw.images.shape[1] * height * width)
    return Pixels(raw, size)


def _require_parts(raw: RawData, named: dict[str, Labels], parts: Split) -> None:
    if parts.folds:
        require_folds(raw.labels, raw.classes, parts)
        named = {part: members for part, members in named.items() if part == "test"}
    for part, members in named.items():
        if len(members) < MINIMUM_PART:
            raise UserError(
                f"the {part} part would hold {len(members)} images, it needs {MINIMUM_PART}",
                where="data",
                fix=_more(raw),
            )
    if parts.folds:
        return
    if len(set(named["validation"].tolist())) < 2:
        only = raw.classes[int(named["validation"][0])]
        raise UserError(
            f"the validation part would hold images of one class only, {only}",
            where="data",
            fix="give more images of the others, or a higher validation_fraction",
        )
    if parts.half_a.all() or not parts.half_a.any():
        raise UserError(
            f"the {len(named['validation'])} validation images are copies of each other, "
            "so they cannot be split into two halves",
            where="data",
            fix="take the copies out, or give another fraction",
        )


def _who(raw: RawData, hashes: NDArray[np.uint64], chosen: Indices) -> dict[str, Any]:
    return {
        "hashes": torch.from_numpy(hashes.view(np.int64)),
        "groups": None if raw.groups is None else torch.from_numpy(raw.groups[chosen].astype(np.int32)),
        "names": [raw.names[i] for i in chosen] if raw.names else [],
    }


def _split(raw: RawData, config: DataConfig, contents: Indices, test_contents: Indices | None) -> Split:
    groups = contents if raw.groups is None else joined(contents, raw.groups)
    return configured_split(config, raw.labels, contents, groups, raw.parts, test_contents=test_contents)


def _look_alikes(raw: RawData, pool: Pool, parts: Split, test_is_cut: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """Where too many held-out images of the user's own have a near copy in train: some pairs, and a warning.

    A pair has positions in ``train`` and ``validation`` and the ``names`` of these two: test stays sealed.
    """
    if not raw.names or raw.groups is not None:
        return [], []
    held_out = np.concatenate([parts.validation, parts.test]) if test_is_cut else parts.validation
    found = pool.near_copies(parts.train, held_out)
    if found.share < WARN_FROM:
        return [], _frames(raw, pool, parts)
    pairs = [
        {"train": known, "validation": asked, "names": [raw.names[held_out[asked]], raw.names[parts.train[known]]]}
        for asked, known in found.pairs
        if asked < len(parts.validation)
    ]
    return pairs[:PICTURED], [
        f"{percent(found.share, 0)} of the held-out images look like a training image, so errors on them are too low. "
        f"For example {_examples(raw, held_out, parts.train, found)}. Name what belongs together in data.groups"
    ]


def _examples(raw: RawData, asked: Indices, known: Indices, found: NearCopies) -> str:
    """The first pairs by the names of their files."""
    return "; ".join(f"{raw.names[asked[a]]} and {raw.names[known[k]]}" for a, k in found.pairs[:EXAMPLES])


def _frames(raw: RawData, pool: Pool, parts: Split) -> list[str]:
    """A warning where the images of validation are frames of fewer things, which measure an error less well."""
    if parts.folds:  # the halves are those of all folds together
        return []
    one, other = parts.validation[parts.half_a], parts.validation[~parts.half_a]
    found = pool.near_copies(one, other)
    if found.share < WARN_FROM:
        return []
    return [
        f"{percent(found.share, 0)} of one half of the validation images look like an image of the other half. "
        f"For example {_examples(raw, other, one, found)}. Such images measure an error less well than as many "
        "different ones, and intervals are too narrow. Name what belongs together in data.groups"
    ]


def _require(raw: RawData) -> None:
    if len(raw.classes) < 2:
        raise UserError(f"there is only one class, {raw.classes[0]}", where="data.dataset", fix="give two or more")
    total = len(raw.labels) + (0 if raw.test_labels is None else len(raw.test_labels))
    if total < MINIMUM_IMAGES:
        raise UserError(f"{total} images are too few", where="data.dataset", fix=f"give {MINIMUM_IMAGES} or more")


def _missing_classes(parts: dict[str, Labels], classes: tuple[str, ...]) -> list[str]:
    return [
        f"no image of class {', '.join(classes[c] for c in missing)} in {part}"
        for part, members in parts.items()
        if (missing := sorted(set(range(len(classes))) - set(members.tolist())))
    ]


def _duplicates(groups: Indices, labels: Labels) -> list[str]:
    distinct = np.unique(groups)
    copies = len(groups) - len(distinct)
    if not copies:
        return []
    contested = len(np.unique(np.stack([groups, labels]), axis=1).T) - len(distinct)
    text = f"{copies} images are exact copies of others; copies are kept in one part"
    return [text + (f"; {contested} of them under another label" if contested else "")]


def _fingerprint(trial: dict[str, Any], test: dict[str, Tensor]) -> str:
    """16 hexadecimal digits of classes, shapes and bytes of all parts."""
    digest = hashlib.sha256(repr(trial["classes"]).encode())
    for tensor in (*trial.values(), *test.values()):
        if isinstance(tensor, Tensor):
            digest.update(repr((tuple(tensor.shape), str(tensor.dtype))).encode())
            digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()[:16]
