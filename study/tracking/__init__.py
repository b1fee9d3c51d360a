"""MLflow, as a projection of the ledger that can be rebuilt at any time. The only code that imports mlflow.

Importing this package does not import mlflow: it takes a second, which only the shipper's thread spends.
"""

from fitscape.study.tracking.errors import Trouble
from fitscape.study.tracking.fetch import fetch
from fitscape.study.tracking.location import redact
from fitscape.study.tracking.nets import require_name, save_net
from fitscape.study.tracking.preflight import check
from fitscape.study.tracking.shipper import Backlog, Shipper, parent_url, sync
from fitscape.study.tracking.ui import serve_ui, ui_command

__all__ = [
    "Backlog",
    "Shipper",
    "Trouble",
    "check",
    "fetch",
    "parent_url",
    "redact",
    "require_name",
    "save_net",
    "serve_ui",
    "sync",
    "ui_command",
]
