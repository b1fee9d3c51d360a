"""Whether a new study may have a place: nothing may lie there that a driver of ours has not left behind."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fitscape.study.driver.folder import Folder
from fitscape.study.driver.lease import OWNER
from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP, CHECKPOINTS, CONFIG, LEDGER, LOCK, LOG, meant_for
from fitscape.study.scheduling.checkpoints import is_checkpoint
from fitscape.study.storage import listed, open_storage
from fitscape.study.tracking import redact

# A driver that was killed before its ledger had a row may have left these.
_OF_AN_EMPTY_LEDGER = (f"{LEDGER}-journal", f"{LEDGER}-wal", f"{LEDGER}-shm")
_WRITTEN_WHOLE = (BACKUP, CONFIG, LEDGER, LOG, OWNER)  # a kill may have left the beginning of one of these
_PROBE = re.compile(r"probe-[0-9a-f]{32}")
_TRIAL = re.compile(r"[0-9a-f]{12}")


def require_free(folder: Folder) -> None:
    """Refuse a place that holds a study, or anything of somebody else's. Nothing is written. Whose the sign of an
    owner on shared storage is, the lease finds out, once this driver holds the study's lock.

    Raises:
        UserError: the study's folder, or its place on shared storage, is taken; the text names what lies there.
    """
    fix = f"fitscape resume {folder.path.name}, or choose another --name"
    if folder.ledger.is_file() and folder.ledger.stat().st_size:
        raise UserError("a study of this name exists", where=str(folder.path), fix=fix)
    for place in dict.fromkeys((str(folder.path.absolute()), folder.shared)):
        foreign = sorted(_foreign(place))
        if folder.backup.name in foreign:
            raise UserError("a backup of a study of this name exists", where=redact(place), fix=fix)
        if foreign:
            more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
            what = f"holds {', '.join(foreign[:3])}{more}, which no study of fitscape wrote"
            raise UserError(what, where=redact(place), fix="choose another --name or another --root")


def _foreign(place: str) -> Iterator[str]:
    """Names in a folder or a store, relative to it, that are not what a killed driver leaves before its first trial."""
    fs, root = open_storage(place)
    try:
        for entry in listed(fs, root):
            name = entry.base_name
            if name == CHECKPOINTS and not entry.is_file:
                found = listed(fs, f"{root}/{name}", recursive=True)
                inside = [e.path.rpartition(f"{root}/{name}/")[2] for e in found if e.is_file]
                yield from (f"{name}/{path}" for path in inside if not _is_checkpoint_of_a_trial(path))
            elif not _is_ours(fs, entry):
                yield name
    except OSError as error:
        raise UserError(f"cannot be read: {error}", where=redact(place), fix="choose another --root") from None


def _is_ours(fs: Any, entry: Any) -> bool:
    name = entry.base_name
    if name == OWNER:
        return True
    if name == LOCK:
        return _is_lock(fs, entry)
    if name == LEDGER:
        return entry.size == 0
    return name in _OF_AN_EMPTY_LEDGER or meant_for(name) in _WRITTEN_WHOLE or _PROBE.fullmatch(name) is not None


def _is_lock(fs: Any, entry: Any) -> bool:
    if entry.size == 0:
        return True
    if entry.size is None or entry.size > 4096:
        return False
    try:
        with fs.open_input_stream(entry.path) as stream:
            return set(json.loads(stream.read())) == {"pid", "host", "since"}
    except (OSError, ValueError, TypeError):
        return False


def _is_checkpoint_of_a_trial(path: str) -> bool:
    trial, _, name = path.partition("/")
    return _TRIAL.fullmatch(trial) is not None and is_checkpoint(name)
