"""``fitscape init`` and ``fitscape schema``: what a person starts a study from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.options import Scale, Set
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import CONFIG
from fitscape.study.paths import expanded


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.", callback=expanded)] = Path(CONFIG),
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Start from this recipe, with all values written out.")
    ] = None,
    scale: Scale = None,
    sets: Set = None,
) -> int:
    """Write a study.yaml to start from. It has every key with its default and a comment, or a recipe's values.

    Name your images with the recipe (--set data.dataset=folder:PATH): their size and number follow from them.
    """
    text = _template(scale, sets) if recipe is None else _recipe(recipe, scale, sets)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise UserError("is there already", where=str(file), fix="name another file") from None
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(file)) from None
    typer.echo(f"{file} written; run it with: fitscape run {file}")
    return ExitCode.DONE


def _template(scale: str | None, sets: list[str] | None) -> str:
    from fitscape.study.cli.template import template

    for option, given in (("--scale", scale), ("--set", sets)):
        if given:
            raise UserError("is for recipes", where=option, fix="name one with --recipe")
    return template()


def _recipe(name: str, scale: str | None, sets: list[str] | None) -> str:
    from fitscape.study import recipes
    from fitscape.study.cli.configure import changes_of, from_recipe
    from fitscape.study.reading.document import dump
    from fitscape.study.search.space import hyperparameters, resolve

    if name not in recipes.names():
        recipes.get(name)  # says which there are
    config = from_recipe(name, changes_of(sets or [], {}), scale)
    config = config.model_copy(update={"space": hyperparameters(resolve(config))})
    return f"# {recipes.describe(name)}\n# The recipe {name}, each value written out.\n" + dump(
        config.model_dump(mode="json")
    )


def schema() -> int:
    """Print the JSON Schema of study.yaml, for editors."""
    from fitscape.study.reading.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))
    return ExitCode.DONE
