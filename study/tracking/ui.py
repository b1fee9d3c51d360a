"""The MLflow UI on the studies of this machine."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.files import MLFLOW_STORE
from fitscape.study.tracking.location import alone, default_store, locate


def ui_command(root: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of ``mlflow server`` for the store below ``root``, on loopback only."""
    arguments = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", default_store(root)),
        *("--artifacts-destination", str(root.absolute() / "mlartifacts")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    return arguments, environment


def serve_ui(root: Path, port: int = 5000) -> NoReturn:
    """Become the UI: this process is replaced, so that signals and the exit code are the server's.

    Raises:
        UserError: nothing below ``root`` was tracked in the default store.
    """
    store = root / MLFLOW_STORE
    if not store.is_file():
        mend = "run a study first, or open the server that --tracking-uri named"
        raise UserError("no MLflow store here", where=str(store), mend=mend)
    with alone(locate(root, TrackingConfig())):
        pass  # a driver that is making the store's tables is let finish
    arguments, environment = ui_command(root, port)
    os.execve(arguments[0], arguments, environment)
