"""``fitscape net`` and ``fitscape predict``: a net to take away, and what it says of pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitscape.study.cli.options import ROOT, Json, Name, Root, study_folder
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.paths import expanded

if TYPE_CHECKING:
    from fitscape.study.opened import OpenStudy
    from fitscape.study.records import TrialRecord

SHOWN = 3  # classes that a line names


def net(
    name: Name,
    root: Root = ROOT,
    trial: Annotated[str | None, typer.Option("--trial", metavar="ID", help="The trial to train again.")] = None,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="Take the configuration that the report recommends.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100, help="Number of nets in an ensemble, each with its own seed.")
    ] = 1,
    with_validation: Annotated[
        bool,
        typer.Option(
            "--with-validation",
            help="Train on validation images too. The errors are then those of a twin trained without them.",
        ),
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write net.onnx too. It needs pip install onnx onnxscript.")
    ] = False,
    register: Annotated[
        str | None,
        typer.Option("--register", metavar="NAME", help="Register the net in MLflow under this name."),
    ] = None,
) -> int:
    """Train a trial again and write its net for other people. The test part stays sealed."""
    if (trial is None) == (not recommended):
        raise UserError("give one of --trial ID and --recommended")
    folder = study_folder(root, name)
    from fitscape.study.driver.own_code import kept, take_up
    from fitscape.study.measures.wording import percent
    from fitscape.study.nets import make_net
    from fitscape.study.opened import open_study
    from fitscape.study.tracking import require_name, save_net

    if register is not None:
        require_name(register)
    with open_study(folder) as study:
        chosen, regime = _chosen(study, trial)
        take_up(kept(study.config, folder))
    written, made = make_net(
        folder,
        chosen,
        seeds=seeds,
        with_validation=with_validation,
        onnx=onnx,
        regime=regime,
        say=typer.echo,
    )
    from fitscape.study.nets.predict import example

    shown, classes = example(written, made)
    save_net(folder, chosen.trial_id, made, shown, classes, register or "")
    same = json.loads((written / "preprocess.json").read_text())["agreement"]
    typer.echo(f"labels agree with the trial's on {percent(same['share'], 2)} of {same['images']} validation images")
    typer.echo(f"net     {written}")
    typer.echo(f"MLflow  fitscape sync {folder.name} sends it{f' and registers it as {register}' if register else ''}")
    return ExitCode.DONE


def _chosen(study: "OpenStudy", trial: str | None) -> tuple["TrialRecord", str]:
    """The trial of an id, None the recommended one, with its regime in words; empty where there is none.

    Raises:
        UserError: there is no such trial.
    """
    from fitscape.study.nets import recommended_trial
    from fitscape.study.reading.keys import did_you_mean

    by_id = {t.trial_id: t for t in study.trials}
    if trial is not None:
        if trial not in by_id:
            raise UserError(f"no trial is called '{trial}'", where="--trial", fix=did_you_mean(trial, by_id))
        chosen: TrialRecord | None = by_id[trial]
    else:
        try:
            fitted = study.map
        except UserError:  # nothing is searched, or nothing has ended inside the space
            fitted = None
        chosen = recommended_trial(study.trials, fitted, study.config.base, study.config.data.metric)
    if chosen is None:
        raise UserError("has no finished trial", where=study.config.name)
    if chosen.trial_id not in by_id:
        return chosen, "none has this configuration, which the map recommends"
    label = study.labels.get(chosen.trial_id)
    return chosen, label.named if label else ""


def predict(
    net: Annotated[
        Path, typer.Argument(metavar="NET", help="Folder of a net, or of a study with one net.", callback=expanded)
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Pictures.")],
    as_json: Json = False,
) -> int:
    """Print what a net of `fitscape net` says of pictures. Classes come with their probabilities."""
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
