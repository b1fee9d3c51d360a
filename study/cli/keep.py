"""Commands that move a study's records: ``export``, ``sync``, ``fetch``."""

from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.options import ROOT, Name, Root, TrackingUri, study_folder
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import LEDGER
from fitscape.study.paths import expanded


def export(
    name: Name,
    to: Annotated[
        Path, typer.Option("--to", help="FILE.json, .csv, .parquet, or .db for optuna-dashboard.", callback=expanded)
    ],
    root: Root = ROOT,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> int:
    """Write one row per trial to a file. To an Optuna storage that exists, the study is added."""
    from fitscape.study import export as room
    from fitscape.study.opened import open_study

    room.writer(to)  # before the ledger is read
    room.require_target(to, overwrite=overwrite)
    count = room.export(open_study(study_folder(root, name)), to, overwrite=overwrite)
    typer.echo(f"{count} trials in {to}")
    return ExitCode.DONE


def sync(name: Name, root: Root = ROOT, tracking_uri: TrackingUri = None) -> int:
    """Send MLflow what it did not get while the study ran."""
    folder = study_folder(root, name)
    from fitscape.study.tracking import sync as ship

    backlog = ship(folder / LEDGER, tracking_uri, say=lambda text: typer.echo(text, err=True))
    if not backlog.empty:
        left = f"{backlog.points} points, {backlog.runs} runs and {backlog.files} files are still unshipped"
        raise UserError(f"{left}: {backlog.error}", where=name, fix="`fitscape sync` again when MLflow answers")
    typer.echo(f"{name}: everything is in MLflow")
    return ExitCode.DONE


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the study on the MLflow server.")],
    tracking_uri: Annotated[
        str | None,
        typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow server that has it. Required."),
    ] = None,
    root: Root = ROOT,
) -> int:
    """Download a study's folder from the MLflow server that has it."""
    if tracking_uri is None:
        raise UserError("is required: the MLflow server that has the study", where="--tracking-uri")
    from fitscape.study.config import TrackingConfig
    from fitscape.study.tracking import fetch as bring

    typer.echo(bring(name, TrackingConfig(uri=tracking_uri), root))
    return ExitCode.DONE
