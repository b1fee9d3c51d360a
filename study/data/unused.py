"""Prepared data that no study needs. No torch: the command that asks stays quick."""

import json
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from fitscape.study.data.datasets.source import data_folder

PREPARED: Final = "prepared"  # folder below a data folder
SETTLED: Final = 3600.0  # seconds since it was written; a study that is just beginning has no ledger yet
_NAME: Final = re.compile(r".+-[0-9a-f]{16}")
_FILES: Final = {"facts.json", "trial.pt", "test.pt"}


def unused(root: str | None, fingerprints: Collection[str]) -> Iterator[Path]:
    """Folders of prepared data below a data folder whose fingerprint is in none of those given.

    A folder counts as ours by its name and its files; one that holds anything else is left out.
    """
    for folder in sorted((data_folder(root) / PREPARED).glob("*")):
        if folder.is_symlink() or not folder.is_dir() or not _NAME.fullmatch(folder.name):
            continue
        facts = folder / "facts.json"
        try:
            if {file.name for file in folder.iterdir()} != _FILES or time.time() - facts.stat().st_mtime < SETTLED:
                continue
            known = json.loads(facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(known, dict) and "sha256" in known and known.get("fingerprint") not in fingerprints:
            yield folder
