"""Downloading by torchvision, all or nothing."""

import filecmp
import http.client
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fitscape.study.data.datasets import mirror
from fitscape.study.errors import UserError
from fitscape.study.files import free_name

ATTEMPTS = 3
PAUSE = 2.0  # seconds before the second attempt, doubled after that
STALL = 60.0  # seconds without a byte; torchvision itself would wait for ever


def download(name: str, folder: Path, fetch: Callable[[Path], object]) -> None:
    """Fill ``folder`` by ``fetch``, which downloads into the folder it is given and checks every checksum.

    It works in a temporary folder beside, whose files are moved into place only when ``fetch`` came through; what one
    attempt got whole, the next need not get again. Nothing that lies in ``folder`` is removed: a file of the same
    name and other content is kept as ``NAME.before``. Where $FITSCAPE_STORAGE is set, the files are looked for there
    first, and kept there for the other nodes of a cluster.

    Raises:
        UserError: every attempt failed, or the folder cannot be written; nothing is left behind.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            storage = os.environ.get("FITSCAPE_STORAGE")
            if not storage or not mirror.fetch(storage, name, Path(temporary)):
                _attempt(name, Path(temporary), fetch)
                if storage:
                    mirror.keep(storage, name, Path(temporary))
            for part in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
                _complete(folder / part.relative_to(temporary), part)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}", where="data.root") from error


def _complete(target: Path, part: Path) -> None:
    """Move a downloaded file to its place; one of another content that lies there, a damaged one, is set aside."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        if target.is_file() and filecmp.cmp(target, part, shallow=False):
            return
        target.replace(free_name(target, ".before"))
    part.replace(target)


def _attempt(name: str, folder: Path, fetch: Callable[[Path], object]) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL)
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                fetch(folder)
                return
            except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
                if attempt == ATTEMPTS:
                    raise UserError(
                        f"the download of {name} failed {ATTEMPTS} times: {' '.join(str(error).split())}",
                        where="data.dataset",
                        fix="put its files into data.root, or try again",
                    ) from error
                time.sleep(PAUSE * 2 ** (attempt - 1))
    finally:
        socket.setdefaulttimeout(before)
