"""Commands that show: ``status``, ``report``, ``map``, ``list``."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fitscape.study.cli.options import ROOT, Json, Name, Root, study_folder
from fitscape.study.cli.read import PointsForm
from fitscape.study.errors import ExitCode, UserError

KINDS = ("recipes", "spaces", "models", "datasets", "studies")


def status(name: Name, root: Root = ROOT, as_json: Json = False) -> int:
    """Show the state of a study, also while it runs."""
    from fitscape.study.cli.summary import lines, summarize
    from fitscape.study.opened import open_study
    from fitscape.study.report.language import aligned

    summary = summarize(open_study(study_folder(root, name)))
    typer.echo(json.dumps(summary, indent=1) if as_json else "\n".join(map(aligned, lines(summary))))
    return ExitCode.DONE


def report(
    name: Name,
    root: Root = ROOT,
    open_test: Annotated[
        str | None,
        typer.Option(
            "--open-test", metavar="REASON", help="First measure each architecture's best net on the test part."
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print the page as a PDF too. It needs Chromium.")] = False,
    watching: Annotated[
        bool, typer.Option("--watch", help="Serve the page on this machine, and update it while the study runs.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port for --watch. Default: a free one.")
    ] = None,
) -> int:
    """Write the report of a study and print its path. With --watch, serve it while the study runs."""
    folder = study_folder(root, name)
    if port is not None and not watching:
        raise UserError("is for --watch", where="--port")
    if open_test is not None:
        from fitscape.study.cli.unseal import unseal

        unseal(folder, open_test)
    if watching:
        from fitscape.study.cli.watch import watch

        if pdf:
            raise UserError("does not go with --watch", where="--pdf", fix="print the page when the study is over")
        return watch(folder, port or 0, lambda url: print(f"{url} (Ctrl-C ends it)", flush=True))
    from fitscape.study.report import build

    page = build(folder)
    typer.echo(page)
    if pdf:
        from fitscape.study.report.pdf import to_pdf

        typer.echo(to_pdf(page))
    return ExitCode.DONE


def map_(
    name: Name,
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="KEY=VALUE", help="One hyperparameter. Can be repeated.")
    ] = None,
    root: Root = ROOT,
    as_json: Json = False,
    points: PointsForm = None,
) -> int:
    """Show the probability of each regime at a point. Nearby trials follow; --points prints the points to run next."""
    from fitscape.study.cli.point import answer, lines
    from fitscape.study.opened import open_study
    from fitscape.study.report import rarely_collected

    if points is None and not at:
        raise UserError("is required: the point to look at", where="--at", fix="or --points for the points to run next")
    study = open_study(study_folder(root, name))
    if points is not None:
        from fitscape.study.cli.points import text

        typer.echo(text(study, points))
        return ExitCode.DONE
    with rarely_collected():
        found = answer(study, at or [])
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines(found)))
    return ExitCode.DONE


def list_(
    kind: Annotated[str, typer.Argument(metavar="|".join(KINDS))],
    root: Root = ROOT,
    as_json: Json = False,
) -> int:
    """List the names that a study can use, or the studies below --root. Studies come with state, trials and size."""
    if kind not in KINDS:
        from fitscape.study.reading.keys import did_you_mean

        raise UserError(f"no list of '{kind}'", fix=did_you_mean(kind, KINDS))
    if kind == "studies":
        return _studies(root, as_json)
    entries = _entries(kind)
    if as_json:
        typer.echo(json.dumps(entries, indent=1))
    else:
        wide = max(map(len, entries))
        typer.echo("\n".join(f"{name:<{wide}}  {text}".rstrip() for name, text in entries.items()))
    return ExitCode.DONE


def _studies(root: Path, as_json: bool) -> int:
    from fitscape.study.cli.housekeeping import described, listed

    found = listed(root)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return ExitCode.DONE
    if not found:
        typer.echo(f"no study is in {root}")
    wide = max(map(len, found), default=0)
    for name, one in found.items():
        typer.echo(f"{name:<{wide}}  {described(one)}")
    return ExitCode.DONE


def _entries(kind: str) -> dict[str, str]:
    """Names of one kind with a line about each."""
    rooms: dict[str, Any] = {}
    if kind == "recipes":
        from fitscape.study import recipes as room
    elif kind == "spaces":
        from fitscape import search_spaces as room  # type: ignore[no-redef]
    elif kind == "datasets":
        from fitscape.study.data import datasets as room  # type: ignore[no-redef]
    else:
        from fitscape.models.spec import DEPTHS

        own = {family: "depths " + ", ".join(map(str, depths)) for family, depths in DEPTHS.items()}
        return own | {"timm:NAME": "any network of timm; needs pip install 'timm>=1.0.20'"}
    return rooms | {name: room.describe(name) for name in room.names()}
