"""What the end of a run leaves: a label of each trial, and the report."""

import time

from fitscape import __version__
from fitscape.study.driver.folder import Folder
from fitscape.study.ledger import LABELLED_BY, Ledger

REPORT_TOOK = "report took"  # key in the ledger: seconds of labels and report, and the trials that had ended


def labels_and_report(folder: Folder, ended: int) -> str:
    """The path of the report's page. How long it took is written down: the next run may have a time limit.

    Args:
        folder: the study's.
        ended: trials that have.
    """
    from fitscape.study.opened import open_study
    from fitscape.study.report import build

    begun = time.monotonic()
    with Ledger.open(folder.ledger) as ledger, open_study(folder.path) as study:
        ledger.put_labels(study.labels.values())
        ledger.set_meta(LABELLED_BY, __version__)
        page = build(folder.path, study=study)
        ledger.set_meta(REPORT_TOOK, [round(time.monotonic() - begun, 3), ended])
    return str(page)
