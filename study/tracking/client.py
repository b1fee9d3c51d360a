"""The calls to MLflow. Nothing global is touched but environment defaults: no active run, no tracking URI."""

import itertools
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from fitscape.study.tracking.location import Location, alone
from fitscape.study.tracking.pace import heed_retry_after, time_for
from fitscape.study.tracking.projection import Point
from fitscape.study.tracking.store_file import make_whole

# MLflow reads these at each call. A user's own value wins. Retries are the shipper's: MLflow would repeat a
# `create_run` whose answer was lost, and so make two runs.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that proxies a store may sign addresses of it that only the server reaches.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# MLflow's pages open on runs and charts instead of on prompts and traces.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
# Within MLflow's limits for one call: 1000 metrics, 100 params, 100 tags, 1000 of all, 1 MB.
_POINTS = 800
_ENTRIES = 90
_RUNS = 200  # of a page of runs: a server takes milliseconds for each
_OLDEST_FIRST = ["attributes.start_time ASC"]
DOWNLOAD_BYTES = 50_000_000  # the size of a file is not known before it is there
_BYTES = 300_000  # of params, and as much again of tags


def load() -> None:
    """Import mlflow, with our defaults set before it: telemetry begins with the import."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: F401

    heed_retry_after()


Answered = Callable[[str], object]


class Client:
    """One experiment of one store, made when it is not there.

    Imports mlflow (about a second), so it is made where it is needed and not before. Of what takes several calls,
    ``answered`` hears each that was answered, by a name that is the same where the call is made again.
    """

    def __init__(self, location: Location, answered: Answered = lambda what: None) -> None:
        load()
        import mlflow.entities
        import requests
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        # A locked database is retried, with one line about it; MLflow would log a page each time.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        self._entities = mlflow.entities
        self.Error: type[Exception] = MlflowException
        self.Refused: type[Exception] = requests.HTTPError  # a file, for what it is: its size, its place
        self.location, self._answered = location, answered
        self._tries: Counter[Path] = Counter()  # uploads of a file that did not come through
        with alone(location):
            if location.sqlite is not None:
                make_whole(location.sqlite)
            self._mlflow = MlflowClient(tracking_uri=location.uri, registry_uri=location.uri)
            self.experiment_id = self._experiment()

    def _experiment(self) -> str:
        name = self.location.experiment
        found = self._mlflow.get_experiment_by_name(name)
        self._answered("experiment")
        if found is None:
            try:
                return self._mlflow.create_experiment(name, artifact_location=self.location.artifacts, tags=_KIND)
            except self.Error:  # another driver made it since
                found = self._mlflow.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise ValueError(f"experiment {name} is deleted")
        return found.experiment_id

    def runs(self, tags: Mapping[str, str]) -> list[Any]:
        """Every active run of the experiment that has these tags, oldest first."""
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        found, token = [], None
        while True:
            page = self._mlflow.search_runs(
                [self.experiment_id], wanted, order_by=_OLDEST_FIRST, page_token=token, max_results=_RUNS
            )
            found += list(page)
            self._answered(f"{len(found)} runs, {wanted}")
            token = page.token
            if not token:
                return found

    def fitting(self, tags: Mapping[str, str]) -> dict[str, str]:
        """As many of the tags as go into one call, the last ones first."""
        newest_first = [self._entities.RunTag(key, value) for key, value in list(tags.items())[::-1]]
        return {tag.key: tag.value for tag in _batches(newest_first)[0]}

    def create(self, name: str, start: int | None, tags: Mapping[str, str]) -> str:
        """A new RUNNING run; ``start`` in milliseconds. Returns its id."""
        run = self._mlflow.create_run(self.experiment_id, start_time=start, tags=dict(tags), run_name=name)
        return run.info.run_id

    def log(
        self,
        run_id: str,
        points: Iterable[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Any number of points, params and tags in as few calls as MLflow's limits allow."""
        e = self._entities
        metrics: list[Any] = [e.Metric(p.key, p.value, p.time, p.step) for p in points]
        none: list[Any] = []
        parts = itertools.zip_longest(
            [metrics[i : i + _POINTS] for i in range(0, len(metrics), _POINTS)],
            _batches([e.Param(key, value) for key, value in (params or {}).items()]),
            _batches([e.RunTag(key, value) for key, value in (tags or {}).items()]),
            fillvalue=none,
        )
        for number, part in enumerate(parts):
            self._mlflow.log_batch(run_id, *part)
            self._answered(f"part {number} of {run_id}")

    def set_status(self, run_id: str, status: str, end: int | None) -> None:
        """``end`` in milliseconds; None is now. RUNNING opens a run again."""
        if status == "RUNNING":
            self._mlflow.update_run(run_id, status="RUNNING")
        else:
            self._mlflow.set_terminated(run_id, status, end)

    def history(self, run_id: str, key: str) -> dict[int, list[int]]:
        """Times in milliseconds of a metric's points, by step."""
        found: dict[int, list[int]] = {}
        for metric in self._mlflow.get_metric_history(run_id, key):
            found.setdefault(metric.step, []).append(metric.timestamp)
        return found

    def delete(self, run_id: str) -> None:
        """To MLflow's bin, from which a person can restore it."""
        self._mlflow.delete_run(run_id)

    def log_dataset(self, run_id: str, name: str, digest: str, source: str) -> None:
        """The data set as an input of the run; a repetition adds nothing."""
        e = self._entities
        dataset = e.Dataset(name=name[:500], digest=digest[:36], source_type="fitscape", source=source)
        context = e.InputTag("mlflow.data.context", "training")
        self._mlflow.log_inputs(run_id, datasets=[e.DatasetInput(dataset, [context])])

    def upload(self, run_id: str, file: Path, folder: str) -> None:
        """One file; ``folder`` is relative to the run's artifacts, empty for their root."""
        with time_for(file.stat().st_size, self._tries[file]):
            self._tries[file] += 1
            self._mlflow.log_artifact(run_id, str(file), folder or None)
            del self._tries[file]

    def log_model(self, run_id: str, name: str, folder: Path) -> str:
        """The MLflow model in ``folder`` as this run's; one that was logged whole before stays, one cut off goes on.

        Returns its id.
        """
        logged = self._mlflow.search_logged_models([self.experiment_id], f"source_run_id = '{run_id}'")
        found = [model for model in logged if model.name == name]
        model = found[0] if found else self._mlflow.create_logged_model(self.experiment_id, name, run_id)
        if model.status == "READY":
            return str(model.model_id)
        largest = max((file.stat().st_size for file in folder.rglob("*") if file.is_file()), default=0)
        with time_for(largest, self._tries[folder]):
            self._tries[folder] += 1
            self._mlflow.log_model_artifacts(model.model_id, str(folder))
            del self._tries[folder]
        self._mlflow.finalize_logged_model(model.model_id, "READY")
        self._mlflow.log_outputs(run_id, [self._entities.LoggedModelOutput(model.model_id, 0)])
        return str(model.model_id)

    def register(self, name: str, run_id: str, model_id: str) -> None:
        """This run's logged model as a version of a registered model; a repetition adds nothing."""
        try:
            self._mlflow.create_registered_model(name)
        except self.Error as error:
            if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise
        # By its place, and not as models:/ID, which a store in a file looks up in MLflow's global store.
        place = self._mlflow.get_logged_model(model_id).artifact_location
        if all(version.source != place for version in self._mlflow.search_model_versions(f"name = '{name}'")):
            self._mlflow.create_model_version(name, place, run_id, model_id=model_id)

    def download(self, run_id: str, to: Path) -> None:
        """Every artifact of the run, below the existing folder ``to``."""
        with time_for(DOWNLOAD_BYTES, 0):
            self._mlflow.download_artifacts(run_id, "", str(to))

    def touch(self, value: str) -> None:
        """The smallest write: a tag of the experiment."""
        self._mlflow.set_experiment_tag(self.experiment_id, "fitscape.checked", value)


def _batches(entries: list[Any]) -> list[list[Any]]:
    """Params or tags in groups that fit into one call."""
    batches: list[list[Any]] = []
    room = 0
    for entry in entries:
        size = len(json.dumps([entry.key, entry.value])) + 50
        if not batches or size > room or len(batches[-1]) == _ENTRIES:
            batches.append([])
            room = _BYTES
        batches[-1].append(entry)
        room -= size
    return batches
