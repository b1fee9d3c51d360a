"""What lies where in a study's folder, and the one way to put a whole file there.

Every stage that reads or writes a study's folder takes the names from here.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LEDGER = "ledger.db"
BACKUP = "ledger.backup.db"
CONFIG = "study.yaml"
LOCK = "lock"
REPORT = "report"
FIGURES = "figures"  # of the report, as are the next two
PAGE = "index.html"
COMPARED = "compare-{}.html"  # beside it: this study and the ones that are named
FINDINGS = "findings.json"
CHECKPOINTS = "checkpoints"
CODE = "code"  # a copy of the user's own code, for where the original is out of reach
LOG = "study.log"  # its older parts have a number after that
NETS = "nets"  # nets for other people to use, a folder each, named by its trial
WEIGHTS = "weights.safetensors"  # of such a net, as is the next
SEEN = "training-images.npy"  # hashes of the images that it was trained on
LEFT_OUT = "left-out.txt"  # files of the data set that cannot be read
KEPT_MAP = "map.npz"  # a fitted map, and the labels of its trials; both can be made anew from the ledger
KEPT_LABELS = "labels.json"
FINISH = "finish"  # asks the driver to wind up; it takes the file away
MLFLOW_STORE = "mlflow.db"  # beside the studies, in the runs folder
PARTIAL = ".partial"  # ending of a file that is still being written; one that lies around was left by a kill


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study, at ``ROOT/NAME``. Nothing here looks at the disk."""

    path: Path

    @property
    def ledger(self) -> Path:
        return self.path / LEDGER

    @property
    def backup(self) -> Path:
        return self.path / BACKUP

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def lock(self) -> Path:
        return self.path / LOCK

    @property
    def kept_map(self) -> Path:
        return self.path / KEPT_MAP

    @property
    def kept_labels(self) -> Path:
        return self.path / KEPT_LABELS

    @property
    def finish(self) -> Path:
        return self.path / FINISH

    @property
    def log(self) -> Path:
        return self.path / LOG

    @property
    def checkpoints_here(self) -> Path:
        """Those on this machine, where the study names no shared storage."""
        return self.path / CHECKPOINTS

    @property
    def left_out(self) -> Path:
        return self.path / LEFT_OUT

    @property
    def report(self) -> Path:
        return self.path / REPORT

    @property
    def page(self) -> Path:
        return self.report / PAGE

    @property
    def figures(self) -> Path:
        return self.report / FIGURES


@contextmanager
def whole_file(to: Path, *, durable: bool = False) -> Iterator[Path]:
    """A path beside ``to`` for the caller to write; it replaces ``to`` when the block ends without an error.

    A reader sees the old file or the new one, never a part of it. ``durable`` also waits for the disk (fsync).

    Raises:
        OSError: the file cannot be written; ``to`` is then as it was, and nothing else is left behind.
    """
    partial = to.with_name(f".{to.name}.{os.getpid()}.{threading.get_ident()}{PARTIAL}")
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(to)
        if durable:
            sync(to.parent)
    finally:
        partial.unlink(missing_ok=True)


def meant_for(name: str) -> str | None:
    """The file that a partial file of this name was to become; None where it is no partial file of ours."""
    if not name.endswith(PARTIAL):
        return None
    beside = re.fullmatch(r"\.(.+)\.\d+\.\d+", name.removesuffix(PARTIAL))
    return beside[1] if beside else name.removesuffix(PARTIAL)


def write_whole(to: Path, text: str, *, durable: bool = False) -> None:
    """Put ``text`` (as UTF-8) into ``to``, whole or not at all. Raises OSError."""
    with whole_file(to, durable=durable) as partial:
        partial.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(path: Path, ending: str) -> Path:
    """``path`` with ``ending``, or with a number after that: the first name beside it that nothing has yet."""
    names = (path.with_name(f"{path.name}{ending}{number}") for number in ("", *(f"-{n}" for n in range(2, 10_000))))
    return next(name for name in names if not os.path.lexists(name))


def size(path: Path) -> int:
    """Bytes of the files in a folder, links not followed; what goes away meanwhile counts nothing."""
    total = 0
    for file in path.rglob("*"):
        with suppress(OSError):
            status = file.lstat()
            total += 0 if file.is_dir() else status.st_size
    return total
