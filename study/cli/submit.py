"""``fitscape submit``: the command of ``fitscape run``, carried out by a cluster."""

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitscape.study.cli.options import Allow, Sampler, Scale, Set, StudyName, Trials
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import CONFIG

if TYPE_CHECKING:
    from fitscape.study.config import StudyConfig


def submit(
    study: Annotated[str, typer.Argument(metavar="RECIPE|FILE.yaml", help="With --resume: the study's name.")],
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
    scale: Scale = None,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", help="MLflow, as the cluster reaches it. Default: its own.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a study that is on the cluster.")] = False,
    allow: Allow = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave once the job is taken.")] = False,
) -> int:
    """Run a study on a cluster: checks it here, sends code and study, shows what the job says."""
    if address is None:
        raise UserError("is needed: Ray's Jobs API", where="--address", mend="http://HOST:8265")
    from fitscape.study.cli.configure import changes_of, configure, options_of
    from fitscape.study.scheduling.jobs import Jobs, stage

    with tempfile.TemporaryDirectory(prefix="fitscape-submit-") as temporary:
        folder = Path(temporary) / "fitscape"
        folder.mkdir()
        if resume:
            words = ["resume", study, *(["--trials", str(trials)] if trials is not None else [])]
            words += ["--allow", allow] if allow else []
        else:
            options = options_of(name, trials, sampler, tracking_uri)
            config = configure(study, changes_of(set_ or [], options), scale, address, data_here=False)
            words = _write(config, folder)
        jobs = Jobs(address)
        stage(folder)
        if root is not None:
            words += ["--root", str(root)]
        job = jobs.submit(folder, shlex.join(["python", "-m", "fitscape", *words]))
    typer.echo(f"job     {job}  (stop it, resumable: ray job stop {job} --address {address})")
    if no_wait:
        typer.echo(f"follow  ray job logs {job} --follow --address {address}")
        return ExitCode.DONE
    code = jobs.follow(job, lambda text: typer.echo(text, nl=False))
    return ExitCode.TERMINATED if code is None else code


def _write(config: "StudyConfig", folder: Path) -> list[str]:
    """Put the study into the folder; returns the words that run it there."""
    from fitscape.study.reading.document import dump
    from fitscape.study.tracking import redact

    uri = config.tracking.uri
    if uri is not None and redact(uri) != uri:
        mend = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD on the cluster's nodes"
        raise UserError("holds a password, which the job would show", where="tracking.uri", mend=mend)
    (folder / CONFIG).write_text(dump(config.model_dump(mode="json")), encoding="utf-8")
    return ["run", CONFIG]
