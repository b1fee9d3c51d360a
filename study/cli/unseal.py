"""``fitscape report --open-test``: the sealed test part, for the finalists, written down; their nets kept."""

from pathlib import Path

import typer

from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER
from fitscape.study.ledger import Ledger, StudyLock


def unseal(folder: Path, reason: str) -> None:
    """Evaluate the finalists on the test part, print a line for each, and save a net an architecture.

    Raises:
        UserError: no reason, no finished trial, other data, or a driver holds the study.
    """
    if not reason.strip():
        raise UserError("needs a reason", where="--open-test", fix="say why; the ledger keeps it")
    from fitscape.study.driver.own_code import kept, take_up
    from fitscape.study.finalists import Finalist, open_test
    from fitscape.study.tracking import save_net

    def keep(finalist: Finalist) -> None:
        saved.append(save_net(folder, finalist.trial_id, finalist.classifier, finalist.example, finalist.classes))

    saved: list[Path] = []
    with StudyLock(folder), Ledger.open(folder / LEDGER) as ledger:
        take_up(kept(ledger.config, folder))
        for e in open_test(ledger, reason=reason, keep=keep):
            note = "" if e.reproduced else "; trained again, it had a different validation error"
            what = f"{e.architecture} seed {e.seed}{f' as written in {e.net}' if e.net else ''}"
            typer.echo(
                f"{what}: test error {e.test_error:.4f} [{e.low:.4f}, {e.high:.4f}] "
                f"on {e.images} images, validation error {e.val_error:.4f}{note}"
            )
    for path in saved:
        typer.echo(f"net     {path}")
    typer.echo(f"MLflow  fitscape sync {folder.name} sends the nets")
