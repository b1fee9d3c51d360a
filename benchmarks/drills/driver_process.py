"""Drivers as a user starts them, ``fitscape run`` and ``fitscape resume``, on a copy of the committed code."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import frozen
from fitscape.study.errors import UserError
from fitscape.study.ledger import Ledger
from fitscape.study.reading.document import dump
from fitscape.study.records import TrialRecord

ROOT = Path(__file__).parents[2]
SOURCES = ("fitscape", "models", "search_spaces", "study")


class Drivers:
    """One study below a root of its own; each ``start`` is a driver in its own session.

    Raises RuntimeError: the working tree's packages are not those of the commit.
    """

    def __init__(self, config: StudyConfig) -> None:
        if _git("status", "--porcelain", "--", *SOURCES):
            # What the drivers wrote is looked at with the code of this process.
            raise RuntimeError("the packages differ from HEAD, which the drivers run: commit, or drill in a clone")
        self.root = Path(tempfile.mkdtemp(prefix="fitscape-drill-"))
        self.name, self.folder = config.name, self.root / "runs" / config.name
        self._file = self.root / "study.yaml"
        self._file.write_text(dump(frozen(config).model_dump(mode="json")))
        code = self.root / "code"
        code.mkdir()
        self.commit = _git("rev-parse", "HEAD").decode().strip()
        archive = _git("archive", self.commit, *SOURCES)
        subprocess.run(["tar", "-x", "-C", code], input=archive, check=True)
        self._log = self.root / "log.txt"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """``run`` where there is no ledger yet, ``resume`` where there is."""
        ledger = self.folder / "ledger.db"
        there = ledger.exists() and ledger.stat().st_size
        command = ["resume", self.name] if there else ["run", str(self._file)]
        return subprocess.Popen(
            [sys.executable, "-m", "fitscape", *command, "--root", str(self.folder.parent), *words],
            cwd=self.root / "code",
            env={**os.environ, "PYTHONPATH": str(self.root / "code"), "OMP_NUM_THREADS": "1", **environment},
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def trials(self) -> list[TrialRecord]:
        """What the ledger holds; nothing while it is being made."""
        try:
            with Ledger.open(self.folder / "ledger.db", read_only=True) as ledger:
                return ledger.trials()
        except (UserError, TypeError):
            return []

    def wait_until(
        self, driver: subprocess.Popen[bytes], seen: Callable[[list[TrialRecord]], bool], within: float = 300
    ) -> None:
        deadline = time.monotonic() + within
        while not seen(self.trials()):
            if driver.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"not seen; the driver's code is {driver.poll()}:\n{self.log[-3000:]}")
            time.sleep(0.1)


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, check=True).stdout


def kill(driver: subprocess.Popen[bytes]) -> None:
    """The driver alone, as the kernel or an operator would: what it started is left to itself."""
    driver.send_signal(signal.SIGKILL)
    driver.wait()


def processes_of(session: int) -> Iterator[tuple[int, str]]:
    """Living processes of a driver's session: id and command line."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has just ended
            continue
        if int(its_session) == session and state != "Z":
            yield int(folder.name), words
