"""From a data set as it was read to its sealed parts: resize once, group duplicates, split, check, describe."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fitscape.study.config import DataConfig
from fitscape.study.data.classes import of_classes
from fitscape.study.data.datasets.source import MINIMUM_IMAGES, Images, Labels, RawData
from fitscape.study.data.given_split import joined, split_as_given
from fitscape.study.data.near_copies import near_copies
from fitscape.study.data.splits import Indices, Split, content_groups, content_hashes, split
from fitscape.study.errors import UserError

MINIMUM_PART = 4  # in each of train, validation and test
WARN_FROM = 0.03  # share of held-out images with a near copy in train
EXAMPLES = 3


@dataclass(frozen=True)
class Prepared:
    """What the cache holds."""

    # ``trial``: TrialData's fields but probe_size. ``images``: who those of train and validation are. ``test``: images
    # uint8 [T, C, H, W], labels int64 [T].
    parts: dict[str, dict[str, Any]]
    facts: dict[str, Any]  # JSON: what `SealedData.summary` returns


def prepare(raw: RawData, config: DataConfig) -> Prepared:
    """Resize, split and describe.

    Raises:
        UserError: an unknown class, one class, or too few images; it states the minimum.
    """
    raw, read = of_classes(raw, config.classes), len(raw.labels)
    _require(raw)
    images, labels = resized(raw.images, config.image_size), raw.labels
    own_test = None if raw.test_images is None else resized(raw.test_images, config.image_size)
    contents, *test_contents = content_groups(images, *([] if own_test is None else [own_test]))
    parts = _split(raw, config, contents, test_contents[0] if test_contents else None)
    test_images = images[parts.test] if own_test is None else own_test
    test_labels = labels[parts.test] if raw.test_labels is None else raw.test_labels
    named = {"train": labels[parts.train], "validation": labels[parts.validation], "test": test_labels}
    for part, members in named.items():
        if len(members) < MINIMUM_PART:
            raise UserError(
                f"the {part} part would hold {len(members)} images, it needs {MINIMUM_PART}",
                where="data",
                fix="give more images, another fraction or a higher limit",
            )
    if len(set(named["validation"].tolist())) < 2:
        only = raw.classes[int(named["validation"][0])]
        raise UserError(
            f"the validation part would hold images of one class only, {only}",
            where="data",
            fix="give more images of the others, or a higher validation_fraction",
        )
    if parts.half_a.all() or not parts.half_a.any():
        raise UserError(
            f"the {len(named['validation'])} images of validation are copies of each other, so it has no two halves",
            where="data",
            fix="take the copies out, or give another fraction",
        )
    train_images, val_images = images[parts.train], images[parts.validation]
    trial = {
        "train_images": torch.from_numpy(train_images),
        "train_labels": torch.from_numpy(named["train"]),
        "train_moments": moments(train_images),
        "val_images": torch.from_numpy(val_images),
        "val_labels": torch.from_numpy(named["validation"]),
        "val_half": torch.from_numpy(parts.half_a),
        "classes": raw.classes,
    }
    test = {"images": torch.tensor(test_images), "labels": torch.tensor(test_labels)}
    trial["fingerprint"] = _fingerprint(trial, test)
    if raw.groups is not None:  # after the fingerprint: they change no number that a trial gives
        trial["val_groups"] = torch.from_numpy(raw.groups[parts.validation].astype(np.int32))
    warnings = _look_alikes(raw, images, parts, own_test is None)
    notes = [
        *raw.notes,
        *_missing_classes(named, raw.classes),
        *([f"{parts.leaked} images left out of train: {_holder(raw)} holds them too"] if parts.leaked else []),
        *_duplicates(contents, labels),
        *warnings,
    ]
    facts = {
        "fingerprint": trial["fingerprint"],
        "classes": raw.classes,
        "input_shape": train_images.shape[1:],
        "images": {part: len(members) for part, members in named.items()},
        "images_by_class": {
            part: np.bincount(members, minlength=len(raw.classes)).tolist() for part, members in named.items()
        },
        "read": read,
        "unreadable": raw.unreadable,
        "notes": notes,
        "warnings": warnings,
        "sizes": raw.sizes,
    }
    who = {"train": _who(raw, train_images, parts.train), "validation": _who(raw, val_images, parts.validation)}
    return Prepared({"trial": trial, "images": who, "test": test}, facts)


def _who(raw: RawData, images: Images, chosen: Indices) -> dict[str, Any]:
    return {
        "hashes": torch.from_numpy(content_hashes(images).view(np.int64)),
        "groups": None if raw.groups is None else torch.from_numpy(raw.groups[chosen].astype(np.int32)),
        "names": [raw.names[i] for i in chosen] if raw.names else [],
    }


def _split(raw: RawData, config: DataConfig, contents: Indices, test_contents: Indices | None) -> Split:
    groups = contents if raw.groups is None else joined(contents, raw.groups)
    sizes: dict[str, Any] = {
        "validation_fraction": config.validation_fraction,
        "test_fraction": config.test_fraction,
        "limit": config.limit,
        "seed": config.split_seed,
    }
    if raw.parts is not None:
        return split_as_given(raw.labels, contents, groups, raw.parts, **sizes)
    return split(raw.labels, groups, test_contents, **sizes)


def _look_alikes(raw: RawData, images: Images, parts: Split, test_is_cut: bool) -> list[str]:
    """A warning where too many held-out images of the user's own have a near copy in train."""
    if not raw.names or raw.groups is not None:
        return []
    held_out = np.concatenate([parts.validation, parts.test]) if test_is_cut else parts.validation
    found = near_copies(images[parts.train], images[held_out])
    if found.share < WARN_FROM:
        return []
    examples = "; ".join(
        f"{raw.names[held_out[asked]]} and {raw.names[parts.train[known]]}" for asked, known in found.pairs[:EXAMPLES]
    )
    return [
        f"{found.share:.0%} of the held-out images look like a training image, so that errors on them come out too "
        f"low. For example {examples}. Name what belongs together in data.groups"
    ]


def _holder(raw: RawData) -> str:
    return "the test part" if raw.parts is None else "a held-out part"


def resized(images: Images, size: int | None) -> Images:
    """Images [N, C, size, size], by antialiased bilinear interpolation; as they are where that is their size."""
    if size is None or images.shape[2:] == (size, size):
        return images
    chunks = np.array_split(images, max(1, len(images) // 1024))
    return np.concatenate(
        [interpolate(torch.tensor(chunk), (size, size), mode="bilinear", antialias=True).numpy() for chunk in chunks]
    )


def moments(images: Images) -> Tensor:
    """int64 [N, C, 2]: sum and sum of squares over each image's pixels, by channel."""
    flat = images.reshape(*images.shape[:2], -1)
    squares = np.arange(256, dtype=np.int64) ** 2
    out = np.empty((*flat.shape[:2], 2), dtype=np.int64)
    for i in range(0, len(flat), 1024):
        chunk = flat[i : i + 1024]
        out[i : i + 1024, :, 0] = chunk.sum(-1, dtype=np.int64)
        out[i : i + 1024, :, 1] = squares[chunk].sum(-1)
    return torch.from_numpy(out)


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
