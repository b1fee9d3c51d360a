"""``fitscape read``: a study of runs that exist."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from fitscape.study.cli.options import ROOT, Root
from fitscape.study.errors import ExitCode, UserError

if TYPE_CHECKING:
    from fitscape.study.importing import Keys, Runs

COUNT_HELP = "a number, or the key that holds it"
PointsForm = Annotated[
    str | None,
    typer.Option("--points", metavar="json|optuna|tune", help="Print the five runs that would decide most."),
]


def read(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="MLflow, an Optuna storage, a Ray Tune folder, or a table.")
    ],
    name: Annotated[str, typer.Option("--name", help="Name of the new study.")],
    train: Annotated[str, typer.Option("--train", metavar="KEY", help="Key of the training error or accuracy.")] = "",
    val: Annotated[str, typer.Option("--val", metavar="KEY", help="Key of the validation error or accuracy.")] = "",
    val_n: Annotated[
        str | None, typer.Option("--val-n", metavar="N", help=f"Number of validation images: {COUNT_HELP}.")
    ] = None,
    train_n: Annotated[
        str | None,
        typer.Option("--train-n", metavar="N", help=f"Number of images behind the training error: {COUNT_HELP}."),
    ] = None,
    classes: Annotated[int | None, typer.Option("--classes", help="Number of classes.")] = None,
    chance_error: Annotated[
        float | None,
        typer.Option("--chance-error", help="Error of guessing. Default: that of equally frequent classes."),
    ] = None,
    epoch: Annotated[str | None, typer.Option("--epoch", metavar="KEY", help="Key of the number of the epoch.")] = None,
    params: Annotated[
        str | None, typer.Option("--params", metavar="A,B", help="Keys of the hyperparameters, separated by commas.")
    ] = None,
    seed: Annotated[str | None, typer.Option("--seed", metavar="KEY", help="Key of the seed.")] = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="error|accuracy|error%|accuracy%", help="What --train and --val hold."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="MLflow's experiment, or Optuna's study.")
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Read every epoch from MLflow, with one call per run and metric.")
    ] = False,
    reference_error: Annotated[
        float | None,
        typer.Option("--reference-error", help="Validation error to measure against. Default: the best seen."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the guesses without asking.")] = False,
    points: PointsForm = None,
    root: Root = ROOT,
) -> int:
    """Make a study of runs that exist: their regimes, map and report. Keys that you do not name are guessed."""
    from fitscape.study import importing
    from fitscape.study.cli.points import require_form, text
    from fitscape.study.cli.wording import regimes_in_words

    if points is not None:
        require_form(points)
    if unit is not None and unit not in importing.UNITS:
        raise UserError(f"'{unit}' is not one of {', '.join(importing.UNITS)}", where="--unit")
    named = tuple(word.strip() for word in params.split(",") if word.strip()) if params is not None else None
    asked = importing.Keys(train, val, count(train_n), count(val_n), epoch, named, seed=seed)
    runs, keys = importing.look(source, asked, experiment=experiment, curves=curves)
    confirm(runs, keys, yes=yes)
    facts = importing.DataSetFacts(classes, chance_error, reference_error)
    folder = importing.make(runs, keys, name, root, facts=facts, unit=unit)

    from fitscape.study.opened import open_study
    from fitscape.study.report import build

    with open_study(folder) as study:
        for note in study.provenance["data"]["notes"]:
            typer.echo(f"note    {note}", err=True)
        without = Counter(trial.state for trial in study.trials if trial.trial_id not in study.labels)
        told = [
            regimes_in_words(study.labels.values()),
            *(f"{n} {state} without a label" for state, n in without.items()),
        ]
        typer.echo(f"{name}: {len(study.trials)} runs, {', '.join(told)}", err=points is not None)
        typer.echo(f"report  {build(folder, study=study)}", err=points is not None)
        if points is not None:
            typer.echo(text(study, points))
    return ExitCode.DONE


def count(text: str | None) -> int | str | None:
    """A number of images, or the key of one.

    Raises:
        UserError: a number below 1.
    """
    if text is None or not text.lstrip("-").isdecimal():
        return text
    if int(text) < 1:
        raise UserError(f"{text} is not a number of images", fix="at least 1")
    return int(text)


def confirm(runs: "Runs", keys: "Keys", *, yes: bool) -> None:
    """Show what will be read, and ask where some of it was guessed.

    Raises:
        UserError: it was guessed, and nobody can be asked.
    """
    typer.echo("\n".join(keys.lines(runs)), err=True)
    if yes or not keys.guessed:
        return
    if not sys.stdin.isatty():
        fix = f"add --yes if it is right, or name the keys: {keys.option()}"
        raise UserError(f"{', '.join(keys.guessed)} guessed, see above", where=runs.where, fix=fix)
    if not typer.confirm("Is that right?", default=True, err=True):
        raise UserError("nothing was read", fix=f"name the keys: {keys.option()}")
