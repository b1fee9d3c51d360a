"""``fitscape compare``: two or three studies side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.options import ROOT, Json, Root, study_folder
from fitscape.study.errors import ExitCode
from fitscape.study.paths import expanded


def compare(
    names: Annotated[
        list[str], typer.Argument(metavar="A B [C]", help="Two or three studies below --root, or their folders.")
    ],
    root: Root = ROOT,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Where the page goes. Default: A's report folder.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Compare studies with the first one. Images, training, errors and regimes are compared."""
    folders = [study_folder(root, name) for name in names]
    from fitscape.study.cli.compared import as_plain, lines
    from fitscape.study.comparing import compare as compared
    from fitscape.study.opened import open_study
    from fitscape.study.report.compared import write

    found = compared([open_study(folder) for folder in folders])
    if as_json:
        typer.echo(json.dumps(as_plain(found), indent=1))
    else:
        typer.echo("\n".join(lines(found)))
    if html is not None or not as_json:
        page = write(found, None if html is None else expanded(html))
        typer.echo(f"page        {page}", err=as_json)
    return ExitCode.DONE
