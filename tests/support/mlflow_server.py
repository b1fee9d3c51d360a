"""A real MLflow server in a process group of its own, and what it says over REST."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import requests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MlflowServer:
    """Started, killed, stopped and continued as a test needs it; ``command(port)`` gives argv and environment."""

    def __init__(self, command: Any, log: Path) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._argv, self._environment = command(self.port)
        self._log = log

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._argv, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 280  # 96 s were seen beside four busy processes
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.uri}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def signal(self, number: signal.Signals) -> None:
        """To the server and its workers."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._process.wait()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = requests.get(f"{self.uri}/api/2.0/mlflow/{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def runs(self, uid: str) -> list[dict[str, Any]]:
        """The active runs of one study, flattened: info, tags, params, metrics (latest) and dataset inputs."""
        experiments = requests.post(
            f"{self.uri}/api/2.0/mlflow/experiments/search", json={"max_results": 100}, timeout=30
        ).json()["experiments"]
        query = {
            "experiment_ids": [e["experiment_id"] for e in experiments],
            "filter": f"tags.study_uid = '{uid}'",
            "max_results": 1000,
        }
        answer = requests.post(f"{self.uri}/api/2.0/mlflow/runs/search", json=query, timeout=30).json()
        return [
            {
                **run["info"],
                "tags": {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])},
                "params": {param["key"]: param["value"] for param in run["data"].get("params", [])},
                "metrics": {metric["key"] for metric in run["data"].get("metrics", [])},
                "datasets": [d["dataset"] for d in run.get("inputs", {}).get("dataset_inputs", [])],
            }
            for run in answer.get("runs", [])
        ]

    def history(self, run_id: str, key: str) -> list[tuple[int, float, int]]:
        """Every stored point of a metric: step, value, time in milliseconds."""
        found = self.get("metrics/get-history", run_id=run_id, metric_key=key).get("metrics", [])
        return sorted((int(m["step"]), float(m["value"]), int(m["timestamp"])) for m in found)

    def models(self, uid: str) -> list[dict[str, Any]]:
        """What is told of the models that the runs of one study logged."""
        runs = {run["run_id"]: run["experiment_id"] for run in self.runs(uid)}
        query = {"experiment_ids": sorted(set(runs.values()))}
        answer = requests.post(f"{self.uri}/api/2.0/mlflow/logged-models/search", json=query, timeout=30).json()
        found = [model["info"] for model in answer.get("models", [])]
        return [model for model in found if model["source_run_id"] in runs]
