"""The commands, each in the module of its subject."""

from typing import Annotated

import typer

from fitscape import __version__
from fitscape.study.cli.compare import compare
from fitscape.study.cli.housekeeping import delete, gc
from fitscape.study.cli.keep import export, fetch, sync
from fitscape.study.cli.look import list_, map_, report, status
from fitscape.study.cli.net import net, predict
from fitscape.study.cli.read import read
from fitscape.study.cli.run import finish, resume, run
from fitscape.study.cli.serve import doctor, ui
from fitscape.study.cli.start import init, schema
from fitscape.study.cli.submit import submit

app = typer.Typer(
    help="Maps where image classifiers underfit, fit well, overfit, degrade or diverge.",
    epilog="Add --debug to any command to see the traceback of an error, and --lang ko to see reports and summaries in "
    "Korean (or set FITSCAPE_LANG=ko). Exit codes: 0 done, also by --for or finish; "
    "1 a fault of fitscape; 2 bad input; 3 some trials failed; 4 the trials are done, but the report failed; "
    "128 + n ended by signal n.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fitscape {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Maps where image classifiers underfit, fit well, overfit, degrade or diverge."""


_RUNNING = (run, resume, read, finish, submit)
_LOOKING = (status, report, map_, compare, list_)
COMMANDS = (*_RUNNING, *_LOOKING, export, net, predict, sync, fetch, ui, doctor, init, schema)
for command in (*COMMANDS, delete, gc):
    app.command(command.__name__.rstrip("_"))(command)
