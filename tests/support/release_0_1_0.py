"""A study that 0.1.0 left behind: a quickstart of 36 trials, folder and all but its report."""

import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parents[1] / "ledger" / "quickstart-0.1.0.tar.xz"


def unpack(root: Path) -> Path:
    """The folder ``root/quickstart``."""
    folder = root / "quickstart"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder
