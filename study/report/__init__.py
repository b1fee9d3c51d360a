"""One self-contained page of a study, from its ledger alone. The only code that draws.

Importing this package imports neither plotly nor matplotlib.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitscape.study.opened import OpenStudy


def build(folder: str | Path, *, study: "OpenStudy | None" = None) -> Path:
    """Write ``report/index.html``, ``report/findings.json`` and ``report/figures/*.png`` into a study's folder.

    Each file appears whole or not at all. The page opens offline and asks nothing of the network.

    Args:
        folder: the study's.
        study: a reading of it that is at hand; None: read it.

    Returns:
        The page's path.

    Raises:
        UserError: no study there, or the folder cannot be written.
    """
    from fitscape.study.report.write import write

    return write(Path(folder), study)
