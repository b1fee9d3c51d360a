"""``fitscape ui`` and ``fitscape doctor``."""

import json
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.browser import open_when_up, somebody_is_there
from fitscape.study.cli.options import ROOT, Address, Json, Root, Scale, Set, TrackingUri
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import LEDGER

HOST = "127.0.0.1"


def ui(
    root: Root = ROOT,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", help="A store of your own, as sqlite:///FILE.")
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address of the newest study's page, and open no browser.")
    ] = False,
) -> None:
    """Open MLflow's UI for the studies below --root. It listens on this machine only."""
    from fitscape.study.tracking import serve_ui

    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError(f"{port} is taken by another program", where="--port", fix=f"--port {port + 1}")

    def say() -> None:
        typer.echo(f"MLflow is starting on http://{HOST}:{port} (Ctrl-C ends it)")
        if page := _newest_page(root, tracking_uri, port):
            typer.echo(f"the newest study's page: {page}")
            if not no_browser and somebody_is_there():
                open_when_up(page, HOST, port)
        sys.stdout.flush()

    serve_ui(root, port, tracking_uri, say)


def _newest_page(root: Path, tracking_uri: str | None, port: int) -> str | None:
    """Where MLflow shows the study that changed last, among those below ``root`` that are in the store."""
    from fitscape.study.ledger import Ledger
    from fitscape.study.tracking import parent_url

    ledgers = sorted(root.glob(f"*/{LEDGER}"), key=lambda file: file.stat().st_mtime, reverse=True)
    for path in ledgers:
        try:
            with Ledger.open(path, read_only=True) as ledger:
                tracking = ledger.config.tracking
            if tracking_uri is not None:
                tracking = tracking.model_copy(update={"uri": tracking_uri})
            page = parent_url(path, tracking, f"http://{HOST}:{port}")
        except UserError:  # damaged, or of a newer release
            continue
        if page is not None and page.startswith(f"http://{HOST}:{port}/"):
            return page
    return None


def doctor(
    study: Annotated[str, typer.Argument(metavar="[RECIPE|FILE.yaml]", help="The study to check.")] = "quickstart",
    sets: Set = None,
    scale: Scale = None,
    root: Root = ROOT,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> int:
    """Check that a study can run here. Each problem comes with a fix."""
    from fitscape.study.cli.configure import changes_of, configure

    changes = changes_of(sets or [], {"--tracking-uri": ("tracking.uri", tracking_uri)})
    config = configure(study, changes, scale, address)
    from fitscape.study.driver.preflight import preflight

    findings = preflight(config, root, address=address, say=lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            fix = f" ({finding.fix})" if finding.fix else ""
            typer.echo(f"{finding.sign:<6} {finding.what}{fix}")
    return ExitCode.DONE if all(finding.ok or finding.warning for finding in findings) else ExitCode.BAD_INPUT
