"""``fitscape net`` and ``fitscape predict``: a net to take away, and what it says of pictures."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fitscape.study.cli.options import ROOT, Json, Name, Root, study_folder
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.paths import expanded

SHOWN = 3  # classes that a line names


def net(
    name: Name,
    root: Root = ROOT,
    trial: Annotated[str | None, typer.Option("--trial", metavar="ID", help="The trial to train again.")] = None,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="Take the configuration with the lowest mean validation error.")
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Nets of an ensemble.")] = 1,
    with_validation: Annotated[
        bool, typer.Option("--with-validation", help="Train on validation too; errors come from a twin without it.")
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write net.onnx too; needs pip install 'fitscape[onnx]'.")
    ] = False,
) -> int:
    """Train a trial again and write its net into a folder for other people. The test part stays sealed."""
    if (trial is None) == (not recommended):
        raise UserError("give one of --trial ID and --recommended")
    folder = study_folder(root, name)
    from fitscape.study.nets import best_trial, make_net
    from fitscape.study.opened import open_study
    from fitscape.study.reading.keys import did_you_mean
    from fitscape.study.tracking import save_net

    with open_study(folder) as study:
        by_id = {t.trial_id: t for t in study.trials}
        if trial is not None and trial not in by_id:
            raise UserError(f"no trial is called '{trial}'", where="--trial", fix=did_you_mean(trial, by_id))
        chosen = by_id[trial] if trial is not None else best_trial(study.trials, study.config.data.metric)
        if chosen is None:
            raise UserError("has no finished trial", where=name)
        label = study.labels.get(chosen.trial_id)
    written, made = make_net(
        folder,
        chosen,
        seeds=seeds,
        with_validation=with_validation,
        onnx=onnx,
        regime=label.named if label else "",
        say=typer.echo,
    )
    from fitscape.study.nets.predict import example

    shown, classes = example(written, made)
    save_net(folder, chosen.trial_id, made, shown, classes)
    agreement = json.loads((written / "preprocess.json").read_text())["agreement"]
    typer.echo(f"labels agree with the trial's on {agreement['share']:.2%} of {agreement['images']} validation images")
    typer.echo(f"net     {written}")
    typer.echo(f"MLflow  fitscape sync {folder.name} ships it")
    return ExitCode.DONE


def predict(
    net: Annotated[
        Path, typer.Argument(metavar="NET", help="Folder of a net, or of a study with one net.", callback=expanded)
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Pictures.")],
    as_json: Json = False,
) -> int:
    """Print the classes of pictures with their probabilities, by a net that `fitscape net` wrote."""
    from fitscape.study.nets import predict as look

    failed = False
    for told in look(net, files):
        failed |= bool(told.problem)
        if as_json:
            found = {"problem": told.problem} if told.problem else {"probabilities": dict(told.probabilities)}
            typer.echo(json.dumps({"file": told.file, **found}))
        else:
            likeliest = ", ".join(f"{name} {p:.3f}" for name, p in told.probabilities[:SHOWN])
            typer.echo(f"{told.file}  {told.problem or likeliest}")
    return ExitCode.BAD_INPUT if failed else ExitCode.DONE
