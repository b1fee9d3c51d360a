"""Where MLflow is, and what of that may be written down."""

import fcntl
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fitscape.study.config import TrackingConfig
from fitscape.study.files import MLFLOW_STORE

_SECRET = re.compile(r"password|passwd|pwd|token|secret|key", re.IGNORECASE)
_INITIALISING_SECONDS = 60.0


@dataclass(frozen=True)
class Location:
    """One experiment of one tracking store.

    ``uri`` may hold a password and is never stored, logged or shown; ``public`` is what may be.
    ``artifacts`` is where a new experiment puts its files; None lets the server decide.
    """

    uri: str
    experiment: str
    artifacts: str | None

    @property
    def public(self) -> str:
        return redact(self.uri)

    @property
    def served(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    @property
    def sink(self) -> str:
        """Name of the ledger's cursor for this place."""
        return f"mlflow {self.public} {self.experiment}"

    @property
    def sqlite(self) -> Path | None:
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None


def default_store(root: Path) -> str:
    """The URI of the store that the studies below ``root`` share when no other is named."""
    return f"sqlite:///{root.absolute() / MLFLOW_STORE}"


def locate(root: Path, config: TrackingConfig) -> Location:
    """The place that a study below ``root`` names; a relative SQLite path is made absolute."""
    root = root.absolute()
    uri = config.uri or default_store(root)
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        uri = f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    served = uri.startswith(("http://", "https://"))
    return Location(uri, config.experiment, None if served else str(root / "mlartifacts" / config.experiment))


def redact(uri: str) -> str:
    """The URI without its secrets, still good to connect with where they come from the environment.

    A server's user and password go (``MLFLOW_TRACKING_USERNAME`` and ``_PASSWORD`` replace them), of a database's
    only the password (``PGPASSWORD`` replaces it), and query entries that look like secrets.
    """
    parts = urlsplit(uri)
    login, at, host = parts.netloc.rpartition("@")
    if at:
        user = login.partition(":")[0]
        host = host if parts.scheme in ("http", "https") else f"{user}@{host}"
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query) if not _SECRET.search(k)])
    if not at and query == parts.query:
        return uri  # urlunsplit would turn sqlite:////path into another path
    return urlunsplit((parts.scheme, host, parts.path, query, parts.fragment))


@contextmanager
def alone(location: Location) -> Iterator[None]:
    """Only one process at a time opens a SQLite store: of several first ones all fail in MLflow's migration.

    Raises:
        TimeoutError: another process has been initialising the store for a minute.
    """
    if location.sqlite is None:
        yield
        return
    location.sqlite.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _INITIALISING_SECONDS
    with location.sqlite.with_name(location.sqlite.name + ".lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{location.public} is being initialised by another process") from None
                time.sleep(0.05)
        yield
