"""The MLflow UI on the studies of this machine."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.tracking.location import alone, default_store, locate


def ui_command(root: Path, port: int, uri: str | None = None) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of ``mlflow server`` for a store, by default the one below ``root``; loopback only."""
    arguments = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", uri or default_store(root)),
        *("--artifacts-destination", str(root.absolute() / "mlartifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    return arguments, environment


def serve_ui(
    root: Path, port: int = 5000, uri: str | None = None, before: Callable[[], object] = lambda: None
) -> NoReturn:
    """Become the UI: this process is replaced, so that signals and the exit code are the server's.

    Calls ``before`` once nothing is left to refuse.

    Raises:
        UserError: there is no store, or it is a server, which has pages of its own.
    """
    location = locate(root, TrackingConfig(uri=uri))
    if location.served:
        raise UserError(
            "is a server, which shows its runs itself", where="--tracking-uri", fix=f"open {location.public}"
        )
    if location.sqlite is not None and not location.sqlite.is_file():
        fix = "run a study first, or name the store of its --tracking-uri"
        raise UserError("no MLflow store here", where=str(location.sqlite), fix=fix)
    with alone(location):
        pass  # a driver that is making the store's tables is let finish
    arguments, environment = ui_command(root, port, location.uri)
    before()
    os.execve(arguments[0], arguments, environment)
