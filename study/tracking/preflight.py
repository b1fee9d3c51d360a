"""Whether MLflow can be written to, before anything starts."""

import queue
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fitscape.study.config import TrackingConfig
from fitscape.study.tracking.client import Client, load
from fitscape.study.tracking.errors import Trouble, explain
from fitscape.study.tracking.location import Location, locate
from fitscape.study.tracking.store_file import trouble_of

SERVED_SECONDS = 20.0  # for each answer
DATABASE_SECONDS = 45.0  # a fresh database is first given its tables
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check(root: Path, config: TrackingConfig, timeout: float | None = None) -> Trouble | None:
    """A write to the tracking store, with seconds for each answer of it, however it behaves. None: all is well.

    A SQLite store is only looked at: it is made later, in the background.
    """
    location = locate(root, config)
    if location.sqlite is not None:
        return trouble_of(location.sqlite, config.experiment)
    load()  # not within the server's time: on a busy machine the import takes longer than the answer
    seconds = timeout or (SERVED_SECONDS if location.served else DATABASE_SECONDS)
    told: queue.Queue[Trouble | str | None] = queue.Queue()
    threading.Thread(target=lambda: told.put(_write(location, told.put)), daemon=True).start()
    try:
        while isinstance(news := told.get(timeout=seconds), str):
            pass  # it has answered: slow is not hung
        return news
    except queue.Empty:
        return explain(TimeoutError("timeout"), location)


def _write(location: Location, answered: Callable[[str], object]) -> Trouble | None:
    try:
        if not location.served:
            _connect(location)
        Client(location, answered).touch(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    except Exception as error:  # noqa: BLE001  the answer is the explanation, whatever was raised
        return explain(error, location)
    return None


def _connect(location: Location) -> None:
    """Raise OSError at once where no database listens: MLflow would try for a minute."""
    parts = urlsplit(location.uri)
    port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname and port:
        socket.create_connection((parts.hostname, port), timeout=10).close()
