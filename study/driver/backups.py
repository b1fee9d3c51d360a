"""What goes on beside a run: backups of the ledger, and how far MLflow lags."""

import threading
import time
from contextlib import suppress
from pathlib import Path

from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import Folder
from fitscape.study.driver.lease import Lease
from fitscape.study.errors import UserError
from fitscape.study.files import PARTIAL
from fitscape.study.ledger import EventKind, Ledger
from fitscape.study.scheduling.aside import Aside
from fitscape.study.scheduling.events import MlflowBehind
from fitscape.study.storage import copy_file
from fitscape.study.threads import Lasting
from fitscape.study.tracking import parent_url
from fitscape.study.tracking.location import locate

FIRST_BACKUP = 15.0  # seconds; the pause doubles from one backup to the next
BACKUP_EVERY = 300.0
BACKLOG_EVERY = 5.0
MOST_COUNTED = 2000  # events


class Upkeep:
    """A thread that backs the ledger up, to the folder and to shared storage, and reports the backlog.

    The caller holds the study's lock, and with ``lease`` its place on shared storage.
    """

    def __init__(self, folder: Folder, ledger: Ledger, config: StudyConfig, observer: Aside, lease: Lease) -> None:
        self._folder, self._ledger, self._observer, self._lease = folder, ledger, observer, lease
        self._tracking, self._linked = config.tracking, False
        self._sink = locate(folder.path.parent, config.tracking).sink
        self._closing = threading.Event()
        self._thread = Lasting("the thread of the backups", self._work, observer.say)
        self._trouble = ""
        _sweep(folder.path)
        self._thread.start()

    def close(self) -> None:
        """Stop, and back up once more."""
        self._closing.set()
        self._thread.join()
        self.back_up()

    def back_up(self) -> None:
        """A failure is said once; the next backup may succeed."""
        try:
            self._ledger.backup(self._folder.backup)
            if self._folder.storage is not None and self._lease.holds():
                for file in (self._folder.backup, self._folder.config):
                    copy_file(file, self._folder.shared)
            self._trouble = ""
        except (OSError, UserError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._observer.say(f"the ledger was not backed up: {error}")

    def _lag(self) -> int:
        """Epoch records behind MLflow's cursor, counted up to a thousand or so."""
        return sum(
            e.kind is EventKind.EPOCH for e in self._ledger.events(self._ledger.cursor(self._sink), MOST_COUNTED)
        )

    def _link(self) -> None:
        """Say once where a server shows the study; a log may be all that its reader sees of a cluster."""
        if self._linked or not (self._tracking.uri or "").startswith("http"):
            return
        link = parent_url(self._folder.ledger, self._tracking)
        if link is not None:
            self._linked = True
            self._observer.say(f"MLflow  {link}")

    def _work(self) -> None:
        backed_up, pause = time.monotonic(), FIRST_BACKUP
        while not self._closing.wait(BACKLOG_EVERY):
            with suppress(UserError):  # locked just now; the next look is soon
                self._observer(MlflowBehind(self._lag()))
                self._link()
            if time.monotonic() - backed_up > pause:
                backed_up, pause = time.monotonic(), min(2 * pause, BACKUP_EVERY)
                self.back_up()


def _sweep(folder: Path) -> None:
    """Remove what killed drivers were in the middle of writing; nobody else writes while this one holds the lock."""
    for partial in folder.glob(f".*{PARTIAL}*"):
        with suppress(OSError):
            partial.unlink()
