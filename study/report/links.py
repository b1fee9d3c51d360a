"""Where a trial's MLflow run is, as far as the ledger knows."""

from urllib.parse import urlsplit

from fitscape.study.files import MLFLOW_STORE
from fitscape.study.report.subject import Subject

LOCAL_UI = "http://127.0.0.1:5000"  # where `fitscape ui` answers


def mlflow_link(subject: Subject) -> dict[str, str] | None:
    """``base``: of the experiment's list of runs, to which a trial's filter is added; ``how``: what must run for it.

    None where the study was not shipped to MLflow, or to a database that no browser can open.
    """
    tracking = subject.config.tracking
    root = subject.study.folder.absolute().parent
    uri = tracking.uri or f"sqlite:///{root / MLFLOW_STORE}"
    parent = subject.study.ledger.get_meta(f"mlflow {uri} {tracking.experiment} parent")
    if not isinstance(parent, dict) or "experiment_id" not in parent:
        return None
    served = urlsplit(uri).scheme in ("http", "https")
    if not served and tracking.uri is not None:
        return None
    base = uri.rstrip("/") if served else LOCAL_UI
    return {
        "base": f"{base}/#/experiments/{parent['experiment_id']}",
        "how": "" if served else "works while `fitscape ui` runs",
    }
