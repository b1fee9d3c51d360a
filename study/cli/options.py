"""Options that several commands share, and the folder of a study that a command names."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.errors import UserError
from fitscape.study.files import BACKUP, LEDGER
from fitscape.study.paths import expanded
from fitscape.study.samplers import SAMPLERS


def _goal(text: str) -> dict[str, float]:
    """``decided=0.9`` as the study's ``search.until``; its value is checked with the study's."""
    key, _, value = text.partition("=")
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if key.strip() != "decided" or not 0 < share < 1:
        raise UserError(f"'{text}' is not a goal: write decided=0.9, a share above 0 and below 1", where="--until")
    return {"decided": share}


def _time(text: str) -> float:
    from fitscape.study.config.duration import seconds_of

    try:
        seconds = seconds_of(text)
    except ValueError as error:
        raise UserError(str(error), where="--for") from None
    if not seconds > 0:
        raise UserError(f"'{text}' is not above 0", where="--for")
    return float(seconds)


Root = Annotated[
    Path,
    typer.Option(
        "--root", envvar="FITSCAPE_ROOT", help="Folder that holds the studies.", show_default=True, callback=expanded
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a study below --root, or its folder.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Address = Annotated[
    str | None,
    typer.Option("--address", envvar="RAY_ADDRESS", help="Ray cluster: auto or HOST:PORT. Default: this machine."),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow server. Default: the study's, else SQLite."
    ),
]
StudyName = Annotated[str | None, typer.Option("--name", help="Name of the study. Default: the recipe's or file's.")]
Trials = Annotated[int | None, typer.Option("--trials", help="Number of trials in all, with replicates.")]
Sampler = Annotated[
    str | None, typer.Option("--sampler", help=f"One of {', '.join(SAMPLERS)}; or package.module:NAME.")
]
Scale = Annotated[str | None, typer.Option("--scale", help="Size of a recipe: minutes, hours or paper.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Replace one value. Can be repeated.")
]
Plugin = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin", metavar="FILE.py", help="A file of your own code, which the study names. Can be repeated."
    ),
]
Allow = Annotated[
    str, typer.Option("--allow", help="Changes since the study began to accept: data, code, config (comma-separated).")
]
Live = Annotated[
    bool, typer.Option("--live", help="Serve the report on this machine while the study runs, and say where.")
]
For = Annotated[
    float | None,
    typer.Option(
        "--for",
        metavar="TIME",
        parser=_time,
        help="End within this time (20m, 1h30m), with labels, map and report. resume continues.",
    ),
]
Until = Annotated[
    dict[str, float] | None,
    typer.Option(
        "--until",
        metavar="decided=SHARE",
        parser=_goal,
        help="End once the map names one regime on this share of the space (decided=0.9).",
    ),
]
ROOT = Path("fitscape-runs")
ALLOWED = ("data", "code", "config")


def accepted(changes: Collection[str], where: str) -> frozenset[str]:
    """The kinds of change that a resume accepts.

    Raises:
        UserError: a word that is none of them.
    """
    for word in changes:
        if word not in ALLOWED:
            raise UserError(f"'{word}' is not one of {', '.join(ALLOWED)}", where=where)
    return frozenset(changes)


def studies(root: Path) -> list[str]:
    """Names of the studies below a root."""
    return sorted({path.parent.name for file in (LEDGER, BACKUP) for path in root.glob(f"*/{file}")})


def study_folder(root: Path, name: str) -> Path:
    """The folder of an existing study.

    Raises:
        UserError: there is none; the text suggests the nearest name.
    """
    given = expanded(name)
    for folder in (root / name, given, *([given.parent] if given.name == LEDGER else [])):
        if (folder / LEDGER).is_file():
            return folder
        if (folder / BACKUP).is_file():
            fix = f"fitscape resume {name} restores it from {BACKUP}"
            raise UserError("its ledger is missing", where=str(folder), fix=fix)
    from fitscape.study.reading.keys import did_you_mean

    there = studies(root)
    hint = did_you_mean(name, there) if there else f"no study is in {root}; name another folder with --root"
    raise UserError(f"no study is called '{name}'", where=str(root), fix=hint)
