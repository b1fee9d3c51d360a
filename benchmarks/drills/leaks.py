"""Where a secret of the stack must not be found: images, logs, MLflow, ledgers."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.drills.stack import Stack
from fitscape.study.config import TrackingConfig
from fitscape.study.tracking import fetch


def log_in(stack: Stack) -> None:
    """This process is MLflow's user of studies."""
    os.environ["MLFLOW_TRACKING_USERNAME"] = "study"
    os.environ["MLFLOW_TRACKING_PASSWORD"] = stack.secrets["MLFLOW_STUDY_PASSWORD"]


def search(stack: Stack, studies: list[str], folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Places, and the names of the secrets that were found there."""

    def found(text: str) -> list[str]:
        assert text
        return [name for name, value in stack.secrets.items() if value in text]

    images = stack.compose("config", "--images").split()
    history = "".join(
        _run("docker", "history", "--no-trunc", image) + _run("docker", "image", "inspect", image) for image in images
    )
    yield f"{len(images)} images (docker history, inspect)", found(history)
    yield "the containers' logs", found(stack.compose("logs", "--no-color"))
    runs = [run for study in studies for kind in ("study", "trial") for run in stack.runs(study, kind)]
    yield f"{len(runs)} runs of MLflow", found(json.dumps(runs))
    tables = stack.compose("exec", "-T", "database", "pg_dump", "-U", "postgres", "mlflow")
    yield "the dump of MLflow's database", found(tables)
    for study in studies:
        if not (folder / study).exists():
            fetch(study, TrackingConfig(uri=stack.tracking), folder)
    files = [file for study in studies for file in (folder / study).rglob("*") if file.is_file()]
    yield f"{len(files)} files of studies, ledgers among them", found("".join(f.read_text("latin-1") for f in files))
    jobs = stack.compose("exec", "-T", "head", "sh", "-c", "cat /tmp/ray/session_latest/logs/*.* 2>/dev/null")
    yield "Ray's logs on the head", found(jobs)


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
