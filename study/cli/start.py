"""``fitscape init`` and ``fitscape schema``: what a person starts a study from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from study.errors import ExitCode, UserError


def init(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("study.yaml")) -> int:
    """Write a commented study.yaml to start from."""
    from study.cli.template import TEMPLATE

    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(TEMPLATE)
    except FileExistsError:
        raise UserError("is there already", where=str(file), mend="name another file") from None
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(file)) from None
    typer.echo(f"{file} written; run it with: fitscape run {file}")
    return ExitCode.DONE


def schema() -> int:
    """Print the JSON Schema of study.yaml, for editors."""
    from study.reading.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))
    return ExitCode.DONE
