"""``fitscape run`` and ``fitscape resume``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.options import (
    ROOT,
    Address,
    Allow,
    Json,
    Name,
    Plugin,
    Quiet,
    Root,
    Sampler,
    Scale,
    Set,
    StudyName,
    TrackingUri,
    Trials,
    study_folder,
)
from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP

ALLOWED = ("data", "code", "config")


def run(
    study: Annotated[str, typer.Argument(metavar="RECIPE|FILE.yaml", help="See `fitscape list recipes`.")],
    name: StudyName = None,
    root: Root = ROOT,
    trials: Trials = None,
    sampler: Sampler = None,
    set_: Set = None,
    plugin: Plugin = None,
    scale: Scale = None,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run a study: a recipe, or a YAML file (fitscape init writes one)."""
    from fitscape.study.cli.configure import changes_of, configure, options_of

    changes = changes_of(set_ or [], options_of(name, trials, sampler, tracking_uri), plugin)
    config = configure(study, changes, scale, address)
    from fitscape.study import driver
    from fitscape.study.cli.live import view

    with view(root / config.name, quiet=quiet, as_json=as_json) as observer:
        return driver.run(config, root, address=address, observer=observer)


def resume(
    name: Name,
    root: Root = ROOT,
    trials: Trials = None,
    allow: Allow = "",
    address: Address = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Continue an interrupted study, or add trials to a study."""
    folder = _folder(root, name)
    allowed = [word.strip() for word in allow.split(",") if word.strip()]
    for word in allowed:
        if word not in ALLOWED:
            raise UserError(f"'{word}' is not one of {', '.join(ALLOWED)}", where="--allow")
    if trials is not None and trials < 1:
        raise UserError(f"{trials} is not at least 1", where="--trials")
    from fitscape.study import driver
    from fitscape.study.cli.live import view

    with view(folder, quiet=quiet, as_json=as_json) as observer:
        return driver.resume(folder, trials=trials, allow=frozenset(allowed), address=address, observer=observer)


def _folder(root: Path, name: str) -> Path:
    """The study's folder, or where it was before its ledger or its disk was lost: the driver restores it."""
    try:
        return study_folder(root, name)
    except UserError:
        for folder in (root / name, Path(name)):
            if (folder / BACKUP).is_file():
                return folder
        if not os.environ.get("FITSCAPE_STORAGE"):
            raise
        return root / name
