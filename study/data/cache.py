"""Prepared data on disk: written whole or not at all, verified at every read.

One folder a prepared data set: ``trial.pt`` (train and validation), ``images.pt`` (who these images are), ``test.pt``
(the sealed part, which nothing but `read_test` opens) and ``facts.json`` with the SHA-256 of each. Images of a data set
that is large lie beside them as ``train.npy``, ``validation.npy`` and ``test.npy`` (`mapped.parts`).
"""

import contextlib
import errno
import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fitscape.study.data.mapped.parts import OPEN, Mapped, file_name, opened, state
from fitscape.study.data.place import CacheDamaged
from fitscape.study.data.splits import content_hashes
from fitscape.study.data.trial_data import shared_tensor
from fitscape.study.errors import UserError

_IMAGES = {"train": "train_images", "validation": "val_images"}  # part -> field of TrialData


def write(
    folder: Path,
    parts: Mapping[str, dict[str, Any]],
    facts: dict[str, Any],
    *,
    images: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Write a prepared data set and return its facts as `read_facts` will; a reader sees a whole folder or none.

    Args:
        parts: ``trial``, ``images`` and ``test``, each becomes a file.
        images: files of mapped images by part, which are moved there; those of ``parts`` are then left out.

    Raises:
        UserError: no room or no permission; nothing is left behind.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".prepare-") as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            sums = {}
            mapped = {part: _taken(file, part, whole) for part, file in (images or {}).items()}
            for part, content in (_without_images(parts) if images else parts).items():
                name = f"{part}.pt"
                with (whole / name).open("wb") as file:
                    torch.save(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                sums[name] = _sha256(whole / name)
            text = json.dumps({**facts, "sha256": sums, **({"mapped": mapped} if images else {})}, indent=1)
            (whole / "facts.json").write_text(text)
            _put(whole, folder)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        fix = "set FITSCAPE_DATA or data.root to a writable folder with enough room"
        raise UserError(f"{folder.parent} cannot be written: {error}", where="data.root", fix=fix) from error
    result: dict[str, Any] = json.loads(text)
    return result


def _taken(file: Path, part: str, whole: Path) -> dict[str, Any]:
    """Move a part's images into the folder ``whole``; what is to be known of them."""
    target = whole / file_name(part)
    shape = np.load(file, mmap_mode="r", allow_pickle=False).shape
    file.replace(target)
    return state(target, shape)


def _without_images(parts: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The parts, whose images lie in files of their own; the test part keeps its images' hashes in their place."""
    trial = {name: value for name, value in parts["trial"].items() if name not in _IMAGES.values()}
    hashes = content_hashes(parts["test"]["images"].numpy())
    test = {"hashes": torch.from_numpy(hashes.view(np.int64)), "labels": parts["test"]["labels"]}
    return {**parts, "trial": trial, "test": test}


def _put(whole: Path, folder: Path) -> None:
    """Move ``whole`` to ``folder``; what is there is damaged, or another process has just put the same there."""
    with contextlib.suppress(FileNotFoundError):
        folder.replace(whole.with_name("old"))
    try:
        whole.replace(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def read_facts(folder: Path) -> dict[str, Any]:
    """What is known of a prepared data set.

    Raises:
        CacheDamaged: see there.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
        return facts
    except (OSError, ValueError) as error:
        raise CacheDamaged(str(error)) from error


def read_trial(folder: Path) -> dict[str, Any]:
    """Train and validation: TrialData's fields but probe_size. Raises CacheDamaged."""
    trial, known = _read(folder, "trial.pt"), read_facts(folder).get("mapped")
    if known is None:
        return trial
    hashes = {part: who["hashes"].numpy().view(np.uint64) for part, who in read_images(folder).items()}
    images = {part: opened(folder, part, known[part], hashes[part]) for part in OPEN}
    tensors = {_IMAGES[part]: shared_tensor(images[part]) for part in OPEN}
    return {**trial, **tensors, "mapped": Mapped.of(folder, images, hashes)}


def read_images(folder: Path) -> dict[str, Any]:
    """Who the images of train and validation are. Raises CacheDamaged."""
    return _read(folder, "images.pt")


def read_test(folder: Path) -> dict[str, Any]:
    """The sealed part: ``images`` and ``labels``. Raises CacheDamaged."""
    test, known = _read(folder, "test.pt"), read_facts(folder).get("mapped")
    if known is None:
        return test
    images = opened(folder, "test", known["test"], test["hashes"].numpy().view(np.uint64))
    return {"images": shared_tensor(images), "labels": test["labels"]}


def _read(folder: Path, name: str) -> dict[str, Any]:
    expected = read_facts(folder).get("sha256", {}).get(name)
    path = folder / name
    try:
        if _sha256(path) != expected:
            raise CacheDamaged(f"{path} does not have its checksum")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CacheDamaged(str(error)) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
