"""Where a data set lies once it is prepared. No torch: the preflight asks."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from fitscape.study.config import DataConfig
from fitscape.study.data.datasets.source import Source, data_folder, user_cache
from fitscape.study.paths import absolute_dataset

FORMAT = 3  # raise it when the preparation changes what comes out
PREPARED = "prepared"  # folder below a data folder
UNFINISHED = ".decoding-"  # beginning of the name of what is being prepared

# What the prepared content does not depend on: where it lies, and what is read off it later.
_NOT_IN_KEY = {"root", "probe_size", "unreadable_limit", "metric"}
_LATER = {"classes", "folds"}  # not in the key either where they are unset: the keys of before stay


class CacheDamaged(Exception):
    """A prepared file is missing, cut short or altered: prepare again."""


def place(config: DataConfig, source: Source) -> Path:
    """The folder of a data set's prepared files: ``NAME-KEY`` in ``prepared`` below the data folder."""
    unset = {name for name in _LATER if getattr(config, name) is None}
    parts = config.model_dump(mode="json", exclude=_NOT_IN_KEY | unset)
    parts["dataset"] = absolute_dataset(config.dataset)  # as it will be frozen: a resume finds what the run prepared
    state = source.state()
    found = key({**parts, "state": state} if state else parts, source.files())
    return writable(data_folder(config.root) / PREPARED) / f"{source.name}-{found}"


def unfinished(folder: Path) -> Path:
    """Where a preparation lies until it becomes ``folder``."""
    return folder.with_name(f"{UNFINISHED}{folder.name}")


def writable(folder: Path) -> Path:
    """``folder``, or the user's cache where that one cannot be written (a data set on a read-only disk)."""
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    return folder if os.access(nearest, os.W_OK) else user_cache() / PREPARED


def key(parts: dict[str, Any], files: list[Path]) -> str:
    """Hash of what a preparation depends on: the config's part, and each source file's name, size and times."""
    stats = [
        (str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        for path in files
        for stat in [path.stat()]
    ]
    canonical = json.dumps([FORMAT, parts, stats], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
