"""Prepared data on disk: written whole or not at all, verified at every read.

One folder a prepared data set: ``trial.pt`` (train and validation), ``images.pt`` (who these images are), ``test.pt``
(the sealed part, which nothing but `read_test` opens) and ``facts.json`` with the SHA-256 of each.
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

import torch

from fitscape.study.errors import UserError


class CacheDamaged(Exception):
    """A prepared file is missing, cut short or altered: prepare again."""


def write(folder: Path, parts: Mapping[str, dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Write a prepared data set and return its facts as `read_facts` will; a reader sees a whole folder or none.

    Args:
        parts: ``trial``, ``images`` and ``test``, each becomes a file.

    Raises:
        UserError: no room or no permission; nothing is left behind.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".prepare-") as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            sums = {}
            for part, content in parts.items():
                name = f"{part}.pt"
                with (whole / name).open("wb") as file:
                    torch.save(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                sums[name] = _sha256(whole / name)
            text = json.dumps({**facts, "sha256": sums}, indent=1)
            (whole / "facts.json").write_text(text)
            _put(whole, folder)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        fix = "set FITSCAPE_DATA or data.root to a folder with room that you may write to"
        raise UserError(f"{folder.parent} cannot be written: {error}", where="data.root", fix=fix) from error
    result: dict[str, Any] = json.loads(text)
    return result


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
    """Train and validation. Raises CacheDamaged."""
    return _read(folder, "trial.pt")


def read_images(folder: Path) -> dict[str, Any]:
    """Who the images of train and validation are. Raises CacheDamaged."""
    return _read(folder, "images.pt")


def read_test(folder: Path) -> dict[str, Any]:
    """The sealed part. Raises CacheDamaged."""
    return _read(folder, "test.pt")


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
