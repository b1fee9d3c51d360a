"""Decoding a user's files in a process of its own: a file that crashes its decoder is left out by name."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fitscape.study.config import DataConfig
from fitscape.study.data import cache
from fitscape.study.data.datasets import get
from fitscape.study.data.datasets.decoding import Header, decode, header
from fitscape.study.data.datasets.journal import Journal, unfinished
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, TookTooLong, call, call_within
from fitscape.study.plugins.named import is_own_dataset

MOST_CRASHES = 50  # files; more of them are a broken installation
SAID_AFTER, ENDED_AFTER = 60.0, 3600.0  # seconds that a user's own function takes


def build_apart(config: DataConfig, folder: Path, say: Callable[[str], None]) -> None:
    """Prepare the data set into the cache's ``folder``.

    Raises:
        UserError: as ``Source.read`` and ``prepare``; or decoding crashes and no file is to blame; or the user's own
            function crashes, or takes more than ``ENDED_AFTER``.
    """
    if is_own_dataset(config.dataset):
        waiting = f"{config.dataset} has not given its images after {SAID_AFTER:g} s; Ctrl-C ends the run"
        clock = threading.Timer(SAID_AFTER, say, [waiting])
        clock.daemon = True
        clock.start()
        try:
            return _without_crashing_files(config, folder, ENDED_AFTER)
        except TookTooLong:
            what = f"takes more than {ENDED_AFTER / 60:g} min"
            raise UserError(
                what, where=config.dataset, fix="save what takes so long to files, and read these"
            ) from None
        finally:
            clock.cancel()
    return _without_crashing_files(config, folder, None)


def _without_crashing_files(config: DataConfig, folder: Path, seconds: float | None) -> None:
    crashing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="fitscape-decoding-") as temporary:
        while True:
            journal = Path(temporary) / f"{len(crashing)}"
            try:
                if seconds is None:
                    return call(build, config, folder, crashing, journal)
                return call_within(seconds, build, config, folder, crashing, journal)
            except Crashed as error:
                found = to_blame(unfinished(journal)) if journal.exists() else {}
                if not found and is_own_dataset(config.dataset):
                    raise UserError(f"crashes ({error.by})", where=config.dataset) from None
                if not found or len(crashing) > MOST_CRASHES:
                    raise no_file_to_blame(error) from None
                crashing |= found


def no_file_to_blame(crash: Crashed) -> UserError:
    """What to raise when decoding crashed and no file explains it."""
    fix = "free some memory" if crash.by == "SIGKILL" else "look at what was added to the folder last"
    return UserError(f"decoding its images crashed ({crash.by})", where="data.dataset", fix=fix)


def build(config: DataConfig, folder: Path, crashing: dict[str, str], journal: Path) -> None:
    """Read, prepare and write to the cache, in this process."""
    from fitscape.study.data.prepare import prepare

    source = get(config)
    source.crashing, source.journal = crashing, Journal(journal)
    prepared = prepare(source.read(config.image_size), config)
    cache.write(folder, prepared.parts, prepared.facts)


def look_at(path: str) -> None:
    """Everything that reading a file takes, at a small size."""
    found = header(Path(path))
    if isinstance(found, Header):
        decode(Path(path), np.zeros((1 if found.grey else 3, 8, 8), dtype=np.uint8))


def to_blame(suspects: list[str]) -> dict[str, str]:
    """Of the files that were open at a crash those that crash a process of their own, with what becomes of it."""
    found = {}
    for path in suspects:
        try:
            call(look_at, path)
        except Crashed as error:
            found[path] = f"its decoder crashes ({error.by})"
    return found
