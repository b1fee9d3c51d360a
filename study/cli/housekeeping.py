"""``fitscape delete``, ``fitscape gc``, and the list of studies."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fitscape.study.cli.options import ROOT, Name, Root, studies, study_folder
from fitscape.study.errors import ExitCode, UserError
from fitscape.study.files import LEDGER, LOG
from fitscape.study.files import size as measured

Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Remove it. Without --yes, the command only lists what it would remove.")
]


def delete(name: Name, root: Root = ROOT, yes: Yes = False) -> int:
    """Remove what a study wrote into its folder. Its runs in MLflow stay."""
    from fitscape.study.cli.wording import size
    from fitscape.study.driver.deletion import delete as remove
    from fitscape.study.ledger import holder

    folder = study_folder(root, name)
    driver = holder(folder)
    if driver is not None:
        raise UserError(f"is run by {driver}", where=str(folder), fix="stop it first, with Ctrl-C")
    if not yes:
        typer.echo(f"{folder} holds {size(measured(folder))}; `fitscape delete {name} --yes` removes it")
        return ExitCode.DONE
    try:
        stays = remove(folder)
    except OSError as error:
        raise UserError(f"cannot be removed: {error.strerror or error}", where=str(error.filename or folder)) from error
    typer.echo(f"removed {folder}; its runs in MLflow and what it has on shared storage stay")
    for path in stays:
        typer.echo(f"stays   {path}: no study wrote it")
    return ExitCode.DONE


def gc(root: Root = ROOT, yes: Yes = False) -> int:
    """List checkpoints, Ray's sessions and data that no study needs. With --yes, remove them."""
    from fitscape.study.cli.wording import size
    from fitscape.study.driver.leftovers import leftovers, remove

    found = list(leftovers(root))
    kept = 0
    for one in found:
        trouble = remove(one) if yes else ""
        kept += one.bytes if trouble else 0
        typer.echo(trouble or f"{size(one.bytes):>9}  {one.path}: {one.what}")
    total = size(sum(one.bytes for one in found) - kept)
    if not found:
        typer.echo("nothing to remove")
    else:
        typer.echo(f"{total} removed" if yes else f"{total} in all; nothing was removed, `fitscape gc --yes` does it")
    return ExitCode.DONE


def listed(root: Path) -> dict[str, dict[str, Any]]:
    """Of each study below ``root``: state, trials that ended, its target, bytes, the time of its last change."""
    return {name: _one(root / name) for name in studies(root)}


def described(one: dict[str, Any]) -> str:
    """One study in a line."""
    from fitscape.study.cli.wording import size

    trials = "" if one["target"] is None else f"{one['ended']} of {one['target']} trials"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one["changed"]))
    return f"{one['state']:<11} {trials:<20} {size(one['bytes']):>9}  {when}".rstrip()


def _one(folder: Path) -> dict[str, Any]:
    from fitscape.study.ledger import Ledger, holder

    files = [file for file in folder.glob("*") if file.name.startswith((LEDGER, LOG))]
    found: dict[str, Any] = {
        "state": "ledger lost",
        "ended": None,
        "target": None,
        "bytes": measured(folder),
        "changed": max((file.stat().st_mtime for file in files), default=folder.stat().st_mtime),
    }
    if not (folder / LEDGER).is_file():
        return found
    try:
        with Ledger.open(folder / LEDGER, read_only=True) as ledger:
            ended = sum(count for state, count in ledger.counts().items() if state.terminal)
            target = ledger.config.search.trials
            over = ended >= target or bool(ledger.get_meta("exhausted", False))
    except UserError:
        return found | {"state": "unreadable"}
    state = "running" if holder(folder) else "done" if over else "interrupted"
    return found | {"state": state, "ended": ended, "target": target}
