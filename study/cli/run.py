"""``fitscape run``, ``fitscape resume`` and ``fitscape finish``."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fitscape.study.cli.options import (
    ROOT,
    Address,
    Allow,
    For,
    Json,
    Live,
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
    Until,
    accepted,
    study_folder,
)
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import BACKUP, StudyFolder

if TYPE_CHECKING:
    from fitscape.study.scheduling.events import Observer

ASK_EVERY = 0.5  # seconds


def run(
    study: Annotated[
        str, typer.Argument(metavar="RECIPE|FILE.yaml", help="A recipe (see `fitscape list recipes`), or a YAML file.")
    ],
    name: StudyName = None,
    root: Root = ROOT,
    trials: Trials = None,
    sampler: Sampler = None,
    set_: Set = None,
    plugin: Plugin = None,
    scale: Scale = None,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    for_: For = None,
    until: Until = None,
    live: Live = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run a study: a recipe, or a YAML file (fitscape init writes one)."""
    _require_shown(live, quiet)
    from fitscape.study.cli.configure import changes_of, configure, options_of

    changes = changes_of(set_ or [], options_of(name, trials, sampler, tracking_uri, until), plugin)
    config = configure(study, changes, scale, address)
    from fitscape.study import driver
    from fitscape.study.scheduling.events import Message

    replay = driver.drawn_beside(Path(study), config)
    with _observed(root / config.name, live, quiet, as_json) as observer:
        if replay:
            observer(Message(f"repeats the {len(replay)} trials that the study of {study} drew"))
        return driver.run(config, root, address=address, observer=observer, time_limit=for_, replay=replay)


def resume(
    name: Name,
    root: Root = ROOT,
    trials: Trials = None,
    allow: Allow = "",
    address: Address = None,
    for_: For = None,
    until: Until = None,
    live: Live = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Continue an interrupted study, or add trials to a study."""
    _require_shown(live, quiet)
    folder = _folder(root, name)
    allowed = accepted([word.strip() for word in allow.split(",") if word.strip()], "--allow")
    if trials is not None and trials < 1:
        raise UserError(f"{trials} is not at least 1", where="--trials")
    from fitscape.study import driver

    with _observed(folder, live, quiet, as_json) as observer:
        return driver.resume(
            folder,
            trials=trials,
            until=until,
            allow=allowed,
            address=address,
            observer=observer,
            time_limit=for_,
        )


def _require_shown(live: bool, quiet: bool) -> None:
    if live and quiet:
        raise UserError("says where the page is, and --quiet says nothing", where="--live", fix="leave one of them out")


@contextmanager
def _observed(folder: Path, live: bool, quiet: bool, as_json: bool) -> "Iterator[Observer]":
    """The view that fits, with the page beside it where one is wanted."""
    from fitscape.study.cli.live import view
    from fitscape.study.cli.page_process import page_beside

    with view(folder, quiet=quiet, as_json=as_json) as shown:
        if not live:
            yield shown
            return
        with page_beside(shown, folder) as observer:
            yield observer


def finish(name: Name, root: Root = ROOT, quiet: Quiet = False, as_json: Json = False) -> int:
    """End a study now, with labels, map and report of what has ended. Running trials stop and stay pending."""
    folder = study_folder(root, name)
    from fitscape.study.ledger import holder

    driving = holder(folder)
    if driving is None:
        from fitscape.study import driver
        from fitscape.study.cli.live import view

        with view(folder, quiet=quiet, as_json=as_json) as observer:
            return driver.finish(folder, observer=observer)
    if not quiet and not as_json:
        typer.echo(f"{driving} is asked to end: running trials stop after their epoch and stay pending")
    return _wait_for(folder, quiet=quiet, as_json=as_json)


def _wait_for(folder: Path, *, quiet: bool, as_json: bool) -> int:
    """Until the driver has wound up. It may have begun a moment ago, and not listen yet: it is asked again."""
    from fitscape.study.driver import ask_to_finish
    from fitscape.study.ledger import holder

    files = StudyFolder(folder)
    before = files.page.stat().st_mtime_ns if files.page.is_file() else 0
    try:
        while holder(folder) is not None:
            if not files.finish.exists():
                ask_to_finish(folder)
            time.sleep(ASK_EVERY)
    finally:
        files.finish.unlink(missing_ok=True)
    if not files.page.is_file() or files.page.stat().st_mtime_ns == before:
        raise UserError("has ended without a report", where=str(folder), fix="see the output of its run")
    if as_json:
        typer.echo(json.dumps({"report": str(files.page)}))
    elif not quiet:
        typer.echo(f"report  {files.page}")
    return ExitCode.DONE


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
