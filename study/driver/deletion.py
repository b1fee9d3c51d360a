"""Take a study out of the runs folder: what a study has written, and nothing else."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from fitscape.study.driver.lease import OWNER
from fitscape.study.files import (
    BACKUP,
    COMPARED,
    CONFIG,
    FINDINGS,
    KEPT_LABELS,
    KEPT_MAP,
    LEDGER,
    LEFT_OUT,
    LOCK,
    LOG,
    NETS,
    PAGE,
    WEIGHTS,
    StudyFolder,
    meant_for,
)
from fitscape.study.ledger import StudyLock
from fitscape.study.scheduling.checkpoints import is_checkpoint
from fitscape.study.tracking.nets import nets

_PLAIN: Final = {CONFIG, KEPT_LABELS, KEPT_MAP, LEFT_OUT, LOG, OWNER, LOCK}
_LEDGERS: Final = re.compile(
    rf"(?:{re.escape(LEDGER)}|{re.escape(BACKUP)}|ledger\.v\d+(?:\.\d+)?\.db)(?:-wal|-shm|-journal)?"
)
_OLDER_LOG: Final = re.compile(rf"{re.escape(LOG)}\.\d+")
_TRIAL: Final = re.compile(r"[0-9a-f]{12}")


def delete(folder: Path) -> list[Path]:
    """Remove a study's files and its folder; returns what stays, which no study wrote.

    The ledger goes last: a deletion that is cut short can be asked for again by the study's name.

    Raises:
        StudyLocked: a driver holds the study.
        OSError: a file cannot be removed.
    """
    with StudyLock(folder):
        for path in sorted(_own(folder), key=lambda path: path.name in (LEDGER, BACKUP)):
            path.unlink(missing_ok=True)
        for inside in sorted((p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink()), reverse=True):
            with suppress(OSError):  # it holds what is not ours
                inside.rmdir()
    (folder / LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    return sorted(path for path in folder.rglob("*") if not path.is_dir()) if folder.exists() else []


def _own(folder: Path) -> Iterator[Path]:
    place = StudyFolder(folder)
    for path in folder.glob("*"):
        name = meant_for(path.name) or path.name
        ours = name in _PLAIN - {LOCK} or any(p.fullmatch(name) for p in (_LEDGERS, _OLDER_LOG))
        if ours and not path.is_dir():
            yield path
    for path in (
        place.report / PAGE,
        place.report / FINDINGS,
        place.page.with_suffix(".pdf"),
        *place.report.glob(COMPARED.format("*")),
        *place.figures.glob("*.png"),
        *place.figures.glob("*.svg"),
    ):
        if path.is_file():
            yield path
    for trial in place.checkpoints_here.glob("*"):
        if _TRIAL.fullmatch(trial.name) and trial.is_dir():
            yield from (path for path in trial.iterdir() if is_checkpoint(path.name))
    kept = (*(net for _, net in nets(folder)), *(folder / NETS).glob("[!.]*"))
    for net in kept:
        if _TRIAL.fullmatch(net.name) and any((net / sign).is_file() for sign in ("MLmodel", WEIGHTS)):
            yield from (path for path in net.rglob("*") if not path.is_dir())
