"""Prepared data that no study needs, and what was unpacked for them. No torch: the command that asks stays quick."""

import json
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from fitscape.study.data.datasets.hugging_face import UNPACKED
from fitscape.study.data.datasets.source import data_folder
from fitscape.study.data.mapped.lock import LOCK
from fitscape.study.data.place import PREPARED, UNFINISHED

SETTLED: Final = 3600.0  # seconds since it was written; a study that is just beginning has no ledger yet
ABANDONED: Final = 7 * 86400.0
_NAME: Final = re.compile(r".+-[0-9a-f]{16}")
_UNPACKED: Final = re.compile(r"[0-9a-f]{16}")
_IMAGE: Final = re.compile(r"\d{4}(/(\d{7}|\..+\.partial))?")  # below it
_FILES: Final = {"facts.json", "trial.pt", "test.pt"}  # of every release
_LATER: Final = {"images.pt", "train.npy", "validation.npy", "test.npy"}


def unused(root: str | None, fingerprints: Collection[str]) -> Iterator[Path]:
    """Folders of prepared data below a data folder whose fingerprint is in none of those given.

    A folder counts as ours by its name and its files; one that holds anything else is left out. What a preparation
    that was ended early left counts too, where nobody has gone on with it for a week.
    """
    for folder in sorted((data_folder(root) / PREPARED).glob("*")):
        if folder.is_symlink() or not folder.is_dir() or not _NAME.fullmatch(folder.name):
            continue
        if folder.name.startswith(UNFINISHED):
            if _abandoned(folder):
                yield folder
            continue
        facts = folder / "facts.json"
        try:
            names = {file.name for file in folder.iterdir()}
            if not _FILES <= names <= _FILES | _LATER or time.time() - facts.stat().st_mtime < SETTLED:
                continue
            known = json.loads(facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(known, dict) and "sha256" in known and known.get("fingerprint") not in fingerprints:
            yield folder


def unpacked(root: str | None) -> Iterator[Path]:
    """Folders of images that were unpacked from a Hugging Face data set: once it is prepared they are read no more.

    One counts as ours by the names in it; one in which anything was written within the hour may be in use.
    """
    for folder in sorted((data_folder(root) / UNPACKED).glob("*")):
        if folder.is_symlink() or not _UNPACKED.fullmatch(folder.name):
            continue
        try:
            inside = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
            written = max(path.stat().st_mtime for path in (folder, *folder.glob("*")))
        except OSError:
            continue
        if all(map(_IMAGE.fullmatch, inside)) and time.time() - written > SETTLED:
            yield folder


def _abandoned(folder: Path) -> bool:
    """Whether a preparation was ended early and nobody goes on with it."""
    try:
        times = [path.stat().st_mtime for path in (folder, *folder.glob("pool-*"))]
    except OSError:
        return False
    return (folder / LOCK).is_file() and time.time() - max(times) > ABANDONED
