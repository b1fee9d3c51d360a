"""What studies leave behind and nobody needs: found, measured, removed. What is not ours is never touched."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fitscape.study.data.unused import unpacked, unused
from fitscape.study.errors import StudyLocked, UserError
from fitscape.study.files import LEDGER, StudyFolder, size
from fitscape.study.ledger import Ledger, StudyLock, holder
from fitscape.study.scheduling import ray_folder
from fitscape.study.scheduling.checkpoints import is_checkpoint


@dataclass(frozen=True)
class Leftover:
    """A folder that may go; ``study`` is the folder whose lock is held meanwhile, None where no study has it."""

    path: Path
    what: str
    bytes: int
    study: Path | None = None

    def remove(self) -> None:
        """Remove it.

        Raises:
            OSError: it cannot be removed. StudyLocked: a driver has begun to use its study.
        """
        if self.study is None:
            shutil.rmtree(self.path)
            return
        with StudyLock(self.study):
            shutil.rmtree(self.path)


def leftovers(root: Path) -> Iterator[Leftover]:
    """Checkpoints of trials that have ended, Ray's sessions of drivers that are gone, prepared data without a study,
    images that were unpacked to prepare them.

    A study that a driver holds, or whose ledger cannot be read, keeps everything; with one of the latter kind the
    prepared data stay too, as it is not known which are its own.
    """
    folders = sorted(path.parent for path in root.glob(f"*/{LEDGER}"))
    prints: set[str] = set()
    roots: set[str | None] = {None}
    readable = True
    for folder in folders:
        try:
            with Ledger.open(folder / LEDGER, read_only=True) as ledger:
                prints.add(ledger.provenance.get("data_fingerprint", ""))
                roots.add(ledger.config.data.root)
                if holder(folder) is None:
                    yield from _checkpoints(folder, ledger)
        except UserError:
            readable = False
    for session in ray_folder.abandoned():
        yield Leftover(session, "session of Ray that has ended", size(session))
    for data in roots:
        for images in unpacked(data):
            yield Leftover(images, "images of a Hugging Face data set, unpacked to prepare it", size(images))
    for data in roots if readable else ():
        for prepared in unused(data, prints):
            yield Leftover(prepared, f"prepared data that no study in {root} uses", size(prepared))


def _checkpoints(folder: Path, ledger: Ledger) -> Iterator[Leftover]:
    ended = set(ledger.ended())
    for path in sorted(StudyFolder(folder).checkpoints_here.glob("*")):
        names = [file.name for file in path.iterdir()] if path.is_dir() and not path.is_symlink() else []
        if path.name in ended and names and all(map(is_checkpoint, names)):
            yield Leftover(path, "checkpoints of a trial that has ended", size(path), folder)


def remove(found: Leftover) -> str:
    """``Leftover.remove``; returns why it could not be done, or nothing."""
    try:
        found.remove()
    except (OSError, StudyLocked) as error:
        return f"{found.path} stays: {error}"
    return ""
