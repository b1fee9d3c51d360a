"""``fitscape ui`` and ``fitscape doctor``."""

import socket
import sys
from typing import Annotated

import typer

from study.cli.options import ROOT, Root
from study.errors import UserError

HOST = "127.0.0.1"


def ui(
    root: Root = ROOT,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Open MLflow's UI on the studies below --root, for this machine only."""
    from study.tracking import serve_ui

    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError(f"{port} is taken by another program", where="--port", mend=f"--port {port + 1}")
    if (root / "mlflow.db").is_file():
        typer.echo(f"MLflow is starting on http://{HOST}:{port} (Ctrl-C ends it)")
        sys.stdout.flush()
    serve_ui(root, port)
