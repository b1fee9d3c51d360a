"""``fitscape run`` and ``fitscape resume``."""

from typing import Annotated

import typer

from study.cli.options import ROOT, Address, Json, Name, Quiet, Root, TrackingUri, study_folder
from study.errors import UserError

Trials = Annotated[int | None, typer.Option("--trials", help="Total number of trials, replicates included.")]
ALLOWED = ("data", "code", "config")


def run(
    study: Annotated[str, typer.Argument(metavar="RECIPE|FILE.yaml", help="See `fitscape list recipes`.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the study; default: the recipe's.")] = None,
    root: Root = ROOT,
    trials: Trials = None,
    sampler: Annotated[str | None, typer.Option("--sampler", help="sobol, random, tpe, grid or regime.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Replace one value; may be given again."),
    ] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="Of a recipe: minutes, hours or paper.")] = None,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run a study: a recipe, or a YAML file (fitscape init writes one)."""
    from study.cli.configure import changes_of, configure

    options: dict[str, tuple[str, object]] = {
        "--name": ("name", name),
        "--trials": ("search.trials", trials),
        "--sampler": ("search.sampler", sampler),
        "--tracking-uri": ("tracking.uri", tracking_uri),
    }
    config = configure(study, changes_of(set_ or [], options), scale, address)
    from study import driver
    from study.cli.live import view

    with view(root / config.name, quiet=quiet, as_json=as_json) as observer:
        return driver.run(config, root, address=address, observer=observer)


def resume(
    name: Name,
    root: Root = ROOT,
    trials: Trials = None,
    allow: Annotated[
        str, typer.Option("--allow", help="Accept what has changed since: data, code, config (comma-separated).")
    ] = "",
    address: Address = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Go on with a study that was interrupted, or raise its number of trials."""
    folder = study_folder(root, name)
    allowed = [word.strip() for word in allow.split(",") if word.strip()]
    for word in allowed:
        if word not in ALLOWED:
            raise UserError(f"'{word}' is not one of {', '.join(ALLOWED)}", where="--allow")
    if trials is not None and trials < 1:
        raise UserError(f"{trials} is not at least 1", where="--trials")
    from study import driver
    from study.cli.live import view

    with view(folder, quiet=quiet, as_json=as_json) as observer:
        return driver.resume(folder, trials=trials, allow=frozenset(allowed), address=address, observer=observer)
