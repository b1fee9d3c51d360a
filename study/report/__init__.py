"""One self-contained page of a study, from its ledger alone. The only code that draws.

Importing this package imports neither plotly nor matplotlib.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fitscape.study.opened import OpenStudy


RARELY: Final = 100_000  # objects more than before, until the garbage collector looks for dropped ones


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
    from fitscape.study.maps.one_thread import one_thread

    with rarely_collected(), one_thread:
        from fitscape.study.report.write import write

        return write(Path(folder), study)


@contextmanager
def rarely_collected() -> Iterator[None]:
    """The trials of a study are a million objects that stay. Looking through them again and again takes a tenth of the
    time that a report takes.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], RARELY) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
