"""``fitscape submit``: the command of ``fitscape run``, carried out by a cluster."""

import os
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitscape.study.cli.options import Allow, Plugin, Sampler, Scale, Set, StudyName, Trials
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import CODE, CONFIG

MOST_IN_PACKAGES = 2**30  # bytes: the head keeps packages in memory

if TYPE_CHECKING:
    from fitscape.study.config import StudyConfig


def submit(
    study: Annotated[
        str,
        typer.Argument(metavar="RECIPE|FILE.yaml", help="A recipe, or a YAML file. With --resume: the study's name."),
    ],
    address: Annotated[
        str | None, typer.Option("--address", envvar="RAY_ADDRESS", help="Ray's Jobs API: http://HOST:8265.")
    ] = None,
    name: StudyName = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Runs folder on the cluster. Default: its own FITSCAPE_ROOT.")
    ] = None,
    trials: Trials = None,
    sampler: Sampler = None,
    set_: Set = None,
    plugin: Plugin = None,
    scale: Scale = None,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", help="MLflow, as the cluster reaches it. Default: its own.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a study that is on the cluster.")] = False,
    allow: Allow = "",
    no_upload: Annotated[
        bool, typer.Option("--no-upload", help="The cluster's machines see an image folder at the same path.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return as soon as the cluster has the job.")] = False,
) -> int:
    """Run a study on a cluster. It is checked here, then sent with the code, and the job's output is shown."""
    if address is None:
        raise UserError("is required: the address of Ray's Jobs API", where="--address", fix="http://HOST:8265")
    from fitscape.study.cli.configure import changes_of, configure, options_of
    from fitscape.study.scheduling.jobs import Jobs, stage

    with tempfile.TemporaryDirectory(prefix="fitscape-submit-") as temporary:
        folder = Path(temporary) / "fitscape"
        folder.mkdir()
        packages: list[Path] = []
        if resume:
            words = ["resume", study, *(["--trials", str(trials)] if trials is not None else [])]
            words += ["--allow", allow] if allow else []
        else:
            options = options_of(name, trials, sampler, tracking_uri)
            config = configure(study, changes_of(set_ or [], options, plugin), scale, address, data_here=False)
            if not no_upload:
                config, packages = _with_images(config, Path(temporary))
            words = _write(_with_code(config, folder), folder)
        jobs = Jobs(address)
        stage(folder)
        if root is not None:
            words += ["--root", str(root)]
        job = jobs.submit(folder, shlex.join(["python", "-m", "fitscape", *words]), packages)
    typer.echo(f"job     {job}  (stop it, resumable: ray job stop {job} --address {address})")
    if no_wait:
        typer.echo(f"follow  ray job logs {job} --follow --address {address}")
        return ExitCode.DONE
    code = jobs.follow(job, lambda text: typer.echo(text, nl=False))
    return ExitCode.TERMINATED if code is None else code


def _with_images(config: "StudyConfig", scratch: Path) -> tuple["StudyConfig", list[Path]]:
    """The study with its folder of images, where that is on this machine, on the way to the cluster.

    Through the storage that the cluster has too ($FITSCAPE_STORAGE), or where none is named in packages of the job.
    """
    from fitscape.study.data import check_files
    from fitscape.study.data.transfer import Upload, packages, send

    kind, _, path = config.data.dataset.partition(":")
    images = Path(path).expanduser()
    if kind != "folder" or not images.is_dir():
        return config, []
    check_files(config.data)
    upload = Upload.of(images)
    storage = os.environ.get("FITSCAPE_STORAGE")
    if storage:
        send(upload, storage, typer.echo)
    elif upload.size > MOST_IN_PACKAGES:
        what = f"{images} has {upload.size / 2**20:.0f} MiB, {MOST_IN_PACKAGES / 2**20:.0f} can go through the Jobs API"
        fix = (
            "set FITSCAPE_STORAGE to storage that the cluster reaches too, or give a path that it sees and --no-upload"
        )
        raise UserError(what, where="data.dataset", fix=fix)
    sent = config.data.model_copy(update={"dataset": f"upload:{upload.id}"})
    return config.model_copy(update={"data": sent}), [] if storage else packages(upload, scratch)


def _with_code(config: "StudyConfig", folder: Path) -> "StudyConfig":
    """The study with its own code below the folder."""
    from fitscape.study.plugins import code_of

    code = code_of(config)
    if code is not None:
        code.write(folder / CODE)
    return config.model_copy(update={"plugins": tuple(f"{CODE}/{Path(plugin).name}" for plugin in config.plugins)})


def _write(config: "StudyConfig", folder: Path) -> list[str]:
    """Put the study into the folder; returns the words that run it there."""
    from fitscape.study.reading.document import dump
    from fitscape.study.tracking import redact

    uri = config.tracking.uri
    if uri is not None and redact(uri) != uri:
        fix = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD on the cluster's nodes"
        raise UserError("holds a password, which the job would show", where="tracking.uri", fix=fix)
    (folder / CONFIG).write_text(dump(config.model_dump(mode="json")), encoding="utf-8")
    return ["run", CONFIG]
