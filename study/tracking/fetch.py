"""Bring a study from MLflow to this machine."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER
from fitscape.study.ledger import Ledger
from fitscape.study.tracking.client import Client
from fitscape.study.tracking.errors import explain
from fitscape.study.tracking.location import locate
from fitscape.study.tracking.parent import LEDGER_FOLDER


def fetch(name: str, config: TrackingConfig, root: Path) -> Path:
    """Download the newest study ``name`` (config, ledger, report) to ``root/name``, whole or not at all.

    Raises:
        UserError: the folder exists, MLflow has no such study, its ledger was never shipped, or MLflow fails.
    """
    to = root / name
    if to.exists():
        raise UserError("a study is already here", where=str(to), fix="move it away, or choose another --root")
    location = locate(root, config)
    root.mkdir(parents=True, exist_ok=True)
    try:
        client = Client(location)
        found = client.runs({"study": name, "kind": "study"})
        if not found:
            studies = sorted({run.data.tags["study"] for run in client.runs({"kind": "study"})})
            fix = f"it has {', '.join(studies)}" if studies else "it has none at all"
            raise UserError(f"no study {name} in MLflow", where=location.public, fix=fix)
        run_id = found[-1].info.run_id
        with TemporaryDirectory(dir=root, prefix=f".{name}-") as partial:
            client.download(run_id, Path(partial))
            _settle(Path(partial), location.public)
            Path(partial).rename(to)
            Path(partial).mkdir()  # for TemporaryDirectory to remove
    except UserError:
        raise
    except Exception as error:  # one line for whatever MLflow raises
        trouble = explain(error, location)
        raise UserError(trouble.what, fix=trouble.fix) from error
    return to


def _settle(folder: Path, where: str) -> None:
    """Turn the layout of the artifacts into that of a study's folder, and see that the ledger is sound."""
    shipped = folder / LEDGER_FOLDER / LEDGER
    if not shipped.is_file():
        fix = "run `fitscape sync` where the study ran"
        raise UserError("the study's ledger is not in MLflow", where=where, fix=fix)
    shipped.rename(folder / LEDGER)
    shutil.rmtree(folder / LEDGER_FOLDER)
    Ledger.open(folder / LEDGER).close()
