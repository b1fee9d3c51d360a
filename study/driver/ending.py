"""What the end of a run leaves: a label of each trial, and the report."""

import time
from typing import TYPE_CHECKING

from fitscape import __version__
from fitscape.study.driver.folder import Folder
from fitscape.study.ledger import GUESSING, LABELLED_BY, SUSPECTED, Ledger

if TYPE_CHECKING:
    from fitscape.study.data import TrialData

SHOWN = 20  # images whose labels look wrong
REPORT_TOOK = "report took"  # key in the ledger: seconds of labels and report, and the trials that had ended


def labels_and_report(folder: Folder, ended: int, data: "TrialData | None" = None) -> tuple[str, str]:
    """The path of the report's page, and the verdict where the study is no better than guessing.

    How long it took is written down: the next run may have a time limit.

    Args:
        folder: the study's.
        ended: trials that have.
        data: that they were trained on, where it is at hand: the report shows images whose labels look wrong.
    """
    from fitscape.study.opened import open_study
    from fitscape.study.report import build

    begun = time.monotonic()
    with Ledger.open(folder.ledger) as ledger, open_study(folder.path) as study:
        ledger.put_labels(study.labels.values())
        if data is not None:
            from fitscape.study.data.pictures import thumbnails

            ledger.set_meta(SUSPECTED, thumbnails(data.held_out, [s.image for s in study.suspects[:SHOWN]]))
        ledger.set_meta(LABELLED_BY, __version__)
        verdict = study.guessing.sentence if study.guessing else ""
        ledger.set_meta(GUESSING, verdict)
        page = build(folder.path, study=study)
        ledger.set_meta(REPORT_TOOK, [round(time.monotonic() - begun, 3), ended])
    return str(page), verdict
