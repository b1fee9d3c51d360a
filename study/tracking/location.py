"""Where MLflow is, and what of that may be written down."""

import fcntl
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.files import MLFLOW_STORE
from fitscape.study.paths import absolute_uri, uri_problem

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
    if config.uri is None and set("?#%") & set(str(root)):
        fix = "choose another --root, or name a store with --tracking-uri"
        raise UserError("MLflow's store cannot be in a folder with ?, # or % in its name", where=str(root), fix=fix)
    if config.uri is not None and (problem := uri_problem(config.uri)):
        raise UserError(f"'{config.uri}' is not a URI: {problem}", where="tracking.uri", fix="as in http://HOST:5000")
    uri = absolute_uri(config.uri or default_store(root))
    served = uri.startswith(("http://", "https://"))
    return Location(uri, config.experiment, None if served else str(root / "mlartifacts" / _folder(config.experiment)))


def _folder(experiment: str) -> str:
    """A folder's name for an experiment, which may be called anything: its own where that is one plain name."""
    plain = re.sub(r"[^\w. -]", "_", experiment).strip(". ")
    if plain == experiment:
        return plain
    return f"{plain[:60]}-{hashlib.sha256(experiment.encode()).hexdigest()[:8]}"


def redact(uri: str) -> str:
    """The URI without its secrets, still good to connect with where they come from the environment.

    A server's user and password go (``MLFLOW_TRACKING_USERNAME`` and ``_PASSWORD`` replace them), of a database's
    only the password (``PGPASSWORD`` replaces it), and query entries that look like secrets.
    """
    if uri_problem(uri):
        return uri
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
