"""The runs of an experiment as they lie in MLflow, whoever logged them. Nothing is written."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from fitscape.study.config import TrackingConfig
from fitscape.study.errors import UserError
from fitscape.study.tracking.client import load
from fitscape.study.tracking.errors import explain
from fitscape.study.tracking.location import Location, alone
from fitscape.study.tracking.pace import at_least

ALLOWED: Final = "MLFLOW_ALLOW_FILE_STORE"
FILE_STORE: Final = ".trash"  # a folder that MLflow's file store always has
PAGE: Final = 5000  # runs a call; MLflow allows 50,000, and a server must build the whole answer in memory
PAGE_WITHIN: Final = 300.0  # seconds that a server may take for it
MOST_NAMED: Final = 12


class LoggedRun(NamedTuple):
    """One run. ``rows`` holds metrics by name: one row of final values, or a row for each step, with ``step`` in it."""

    name: str
    status: str
    params: dict[str, Any]
    tags: dict[str, str]
    rows: tuple[dict[str, float], ...]
    started: float | None  # seconds since the Unix epoch
    ended: float | None


def read_runs(
    uri: str, experiment: str | None, *, curves: Sequence[str] = (), most: int | None = None
) -> tuple[str, list[LoggedRun]]:
    """The experiment's name, and every active run of it, oldest first.

    Args:
        uri: of a server or a database, or the path of a file store.
        experiment: its name; None: the only one that has runs.
        curves: metrics whose every value is wanted, at the cost of a call for each run and metric.
        most: reading ends at the page that brings more runs; None: all are read.

    Raises:
        UserError: nothing answers there, it is no MLflow, or it has no such experiment.
    """
    location = Location(uri, experiment or TrackingConfig().experiment, None)
    stored = "://" not in uri
    try:
        load()
        with _allowed(stored), at_least(PAGE_WITHIN):
            from mlflow import MlflowClient

            logging.getLogger("mlflow").setLevel(logging.ERROR)  # of a file store, a page of advice for each run
            with alone(location):
                client = MlflowClient(tracking_uri=Path(uri).as_uri() if stored else uri)
                found = _experiment(client, experiment, location.public)
            runs = []
            token = None
            while True:
                order = ["attributes.start_time ASC"]
                page = client.search_runs([found.experiment_id], max_results=PAGE, order_by=order, page_token=token)
                runs += [_logged(client, run, curves) for run in page]
                token = page.token
                if not token or (most is not None and len(runs) > most):
                    return found.name, runs
    except UserError:
        raise
    except Exception as error:  # one line for whatever MLflow raises
        trouble = explain(error, location, named="its address")
        raise UserError(trouble.what, fix=trouble.fix) from error


@contextmanager
def _allowed(stored: bool) -> Iterator[None]:
    """MLflow refuses its own older kind of store unless it is asked not to; asked for this reading alone."""
    if not stored or ALLOWED in os.environ:
        yield
        return
    os.environ[ALLOWED] = "true"
    try:
        yield
    finally:
        os.environ.pop(ALLOWED, None)


def _experiment(client: Any, name: str | None, where: str) -> Any:
    there = {one.name: one for one in client.search_experiments()}
    if name is None:
        used = [one for one in there.values() if len(client.search_runs([one.experiment_id], max_results=1))]
        if len(used) == 1:
            return used[0]
        there = {one.name: one for one in used}
    if name not in there:
        what = f"has no experiment '{name}'" if name else "has several experiments" if there else "has no run"
        more = f" and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
        fix = f"name one with --experiment: {', '.join(list(there)[:MOST_NAMED])}{more}" if there else ""
        raise UserError(what, where=where, fix=fix)
    return there[name]


def _logged(client: Any, run: Any, curves: Sequence[str]) -> LoggedRun:
    metrics = run.data.metrics
    wanted = [key for key in curves if key in metrics]
    steps: dict[int, dict[str, float]] = {}
    for key in wanted:
        for point in client.get_metric_history(run.info.run_id, key):
            steps.setdefault(point.step, {})[key] = point.value
    final = {key: float(value) for key, value in metrics.items()}
    rows = tuple({**row, "step": step} for step, row in sorted(steps.items())) if wanted else (final,) if final else ()
    return LoggedRun(
        name=str(run.info.run_name or run.info.run_id),
        status=run.info.status,
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        rows=rows,
        started=run.info.start_time / 1000 if run.info.start_time else None,
        ended=run.info.end_time / 1000 if run.info.end_time else None,
    )
