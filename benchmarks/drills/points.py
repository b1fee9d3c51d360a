"""Every step of a driver that changes something outside it, numbered; the process ends, or an error comes, at one.

A step is a commit of the ledger; a file that is opened for writing, renamed, linked or removed below the drill's
folder; a call to the storage; a call to MLflow. Before it and, where it may have been carried out and the answer lost,
after it.
"""

import errno
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fitscape.study import storage
from fitscape.study.ledger import database
from fitscape.study.scheduling import checkpoints
from fitscape.study.tracking.client import Client

KILLED = 137
MLFLOW = ("runs", "create", "log", "set_status", "delete", "log_dataset", "upload", "history")
STORAGE = (
    "open_output_stream",
    "open_input_stream",
    "move",
    "delete_file",
    "delete_dir",
    "create_dir",
    "get_file_info",
)
FILES = {"os.rename": 0, "os.remove": 0, "os.link": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

ERRORS: dict[str, dict[str, Callable[[], Exception]]] = {
    "ledger": {
        "EIO": lambda: _sqlite(sqlite3.SQLITE_IOERR, "disk I/O error"),
        "ENOSPC": lambda: _sqlite(sqlite3.SQLITE_FULL, "database or disk is full"),
        "locked": lambda: _sqlite(sqlite3.SQLITE_BUSY, "database is locked"),
    },
    "file": {
        "EIO": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
        "ENOSPC": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    },
    "storage": {
        "EIO": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
        "ENOSPC": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        "timeout": lambda: OSError("AWS Error NETWORK_CONNECTION: curlCode: 28, Timeout was reached"),
        "503": lambda: OSError("AWS Error SLOW_DOWN (HTTP status 503): Please reduce your request rate"),
    },
    "mlflow": {
        "timeout": lambda: _mlflow("failed with timeout exception: Read timed out."),
        "429": lambda: _mlflow("failed with exception: too many 429 error responses"),
        "500": lambda: _mlflow("failed with exception: too many 500 error responses"),
    },
}


def _sqlite(code: int, text: str) -> Exception:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def _mlflow(text: str) -> Exception:
    from mlflow.exceptions import MlflowException

    return MlflowException(f"API request to the server {text}")


class Points:
    """Counts steps in this process; at step ``at`` it kills it, or raises the error called ``error`` once.

    Args:
        root: of the files that count.
        at: number of the step; 0 only counts.
        error: a name in ERRORS; None: the process ends, as by kill -9.
    """

    def __init__(self, root: Path, at: int = 0, error: str | None = None) -> None:
        self._root, self._at, self._error = f"{root}/", at, error
        self._guard = threading.Lock()
        self.seen: list[str] = []  # kinds and names of the steps, in order

    def step(self, kind: str, name: str) -> None:
        with self._guard:
            self.seen.append(f"{kind} {name}")
            if len(self.seen) != self._at:
                return
        if self._error is None:
            os._exit(KILLED)
        error = ERRORS[kind].get(self._error)
        if error is not None:
            raise error()

    def install(self) -> None:
        """For the rest of this process."""
        self._watch_ledger()
        self._watch_storage()
        self._watch_mlflow()
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | os.PathLike) or not flags & _WRITING:
                return
        elif event in FILES:
            path = arguments[FILES[event]]
        else:
            return
        name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        if isinstance(name, str) and name.startswith(self._root):
            self.step("file", f"{event} {name.removeprefix(self._root)}")

    def _watch_ledger(self) -> None:
        points = self

        class Counting(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql != "COMMIT":
                    return super().execute(sql, *values)
                points.step("ledger", "before COMMIT")
                done = super().execute(sql)
                if points._error is None:  # SQLite gives no error for what it has carried out
                    points.step("ledger", "after COMMIT")
                return done

        connect = sqlite3.connect

        class Module:
            """``sqlite3`` as the ledger sees it."""

            def __getattr__(self, name: str) -> Any:
                return getattr(sqlite3, name)

            def connect(self, *where: Any, **how: Any) -> sqlite3.Connection:
                return connect(*where, factory=Counting, **how)

        database.sqlite3 = Module()  # type: ignore[assignment]

    def _watch_storage(self) -> None:
        points, there = self, checkpoints.open_storage

        class Store:
            def __init__(self, fs: Any) -> None:
                self._fs = fs

            def __getattr__(self, name: str) -> Any:
                found = getattr(self._fs, name)
                if name not in STORAGE:
                    return found

                def call(*given: Any, **named: Any) -> Any:
                    points.step("storage", f"before {name}")
                    done = found(*given, **named)
                    if name in ("move", "delete_file", "delete_dir"):
                        points.step("storage", f"after {name}")
                    return done

                return call

        def open_storage(root: str) -> tuple[Any, str]:
            fs, path = there(root)
            return Store(fs), path

        checkpoints.open_storage = storage.open_storage = open_storage

    def _watch_mlflow(self) -> None:
        for name in MLFLOW:
            setattr(Client, name, self._around(name, getattr(Client, name)))

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            self.step("mlflow", f"before {name}")
            done = call(*given, **named)
            self.step("mlflow", f"after {name}")
            return done

        return called
