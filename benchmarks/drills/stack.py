"""The compose stack as a drill handles it: containers, REST with a password, jobs, S3, psql."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
ENDED = re.compile(r"^\[(\d+)/\d+\] ", re.MULTILINE)


class Stack:
    """Two workers of one CPU; with ``host_packages`` the nodes run the Python packages of this interpreter."""

    def __init__(self, host_packages: bool) -> None:
        subprocess.run(["sh", "cluster/make_secrets.sh"], cwd=ROOT, check=True, capture_output=True)
        lines = (ROOT / ".env").read_text().splitlines()
        self.secrets = dict(line.split("=", 1) for line in lines if "=" in line)
        self.files = ["docker-compose.yml"]
        self.environment = os.environ | {
            "WORKER_CPUS": "1",
            "WORKER_MEMORY": "4g",
            "WORKER_OBJECT_STORE": "400000000",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(ROOT / ".secrets/ray_token"),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        if host_packages:
            self.files.append("benchmarks/drills/host_environment.yml")
            self.environment |= _host_environment()
        os.environ.update({k: v for k, v in self.environment.items() if k.startswith("RAY_")})
        self.tracking = "http://127.0.0.1:5000"
        self.jobs = "http://127.0.0.1:8265"

    def compose(self, *words: str, check: bool = True) -> str:
        files = [word for file in self.files for word in ("-f", file)]
        done = subprocess.run(
            ["docker", "compose", *files, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise RuntimeError(f"docker compose {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def up(self, *services: str) -> float:
        """Seconds until everything is healthy."""
        begun = time.monotonic()
        self.compose("up", "-d", "--build", "--wait", "--wait-timeout", "900", "--scale", "worker=2", *services)
        return time.monotonic() - begun

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-a", "-q", service).split()

    def mlflow(self, method: str, path: str, user: str = "admin", **options: Any) -> requests.Response:
        password = self.secrets["MLFLOW_ADMIN_PASSWORD" if user == "admin" else "MLFLOW_STUDY_PASSWORD"]
        url = f"{self.tracking}/api/2.0/mlflow/{path}"
        return requests.request(method, url, auth=(user, password), timeout=60, **options)

    def runs(self, study: str, kind: str) -> list[dict[str, Any]]:
        """Active runs of the newest study of that name, as MLflow's REST API gives them, tags as a dict."""
        newest = self._search(f"tags.study = '{study}' and tags.kind = 'study'")[:1]
        uid = newest[0]["tags"]["study_uid"] if newest else ""
        return newest if kind == "study" else self._search(f"tags.study_uid = '{uid}' and tags.kind = '{kind}'")

    def _search(self, wanted: str) -> list[dict[str, Any]]:
        found = self.mlflow("GET", "experiments/get-by-name", params={"experiment_name": "fitscape"}).json()
        query = {
            "experiment_ids": [found["experiment"]["experiment_id"]],
            "filter": wanted,
            "max_results": 1000,
            "order_by": ["attributes.start_time DESC"],
        }
        runs = self.mlflow("POST", "runs/search", json=query).json().get("runs", [])
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["data"]["tags"]}} for run in runs]

    def sql(self, query: str) -> list[str]:
        words = ("psql", "-U", "postgres", "-d", "mlflow", "-tAc", query)
        return self.compose("exec", "-T", "database", *words).split()

    def objects(self, bucket: str) -> list[str]:
        """Keys in a bucket, listed with the administrator's key over S3."""
        code = (
            "import boto3, os\n"
            "s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1')\n"
            f"for page in s3.get_paginator('list_objects_v2').paginate(Bucket='{bucket}'):\n"
            "    for o in page.get('Contents', []): print(o['Key'])"
        )
        return self.compose("run", "--rm", "--no-deps", "-T", "setup", "python", "-c", code).splitlines()


class Job:
    """A study on the stack's cluster, followed in a thread."""

    def __init__(self, stack: Stack, *words: str) -> None:
        command = [sys.executable, "-m", "fitscape", "submit", *words, "--address", stack.jobs]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.log = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log += line
            print("   ", line, end="", flush=True)

    @property
    def id(self) -> str:
        found = re.search(r"raysubmit_\w+", self.log)
        assert found, self.log
        return found[0]

    @property
    def ended(self) -> int:
        """Trials of the study that have ended."""
        return max((int(number) for number in ENDED.findall(self.log)), default=0)

    def wait_for(self, trials: int, seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while self.ended < trials:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.ended} trials ended, {trials} were waited for:\n{self.log[-2000:]}")
            time.sleep(0.5)

    def end(self, seconds: float = 900) -> int:
        """Its exit code."""
        code = self._process.wait(timeout=seconds)
        self._thread.join(timeout=10)
        return code

    def leave(self) -> None:
        """Stop watching; the job is not touched."""
        self._process.kill()
        self._process.wait()


def _host_environment() -> dict[str, str]:
    """See host_environment.yml."""
    import numpy

    folder = ROOT / "build" / "drill"  # of one name: a mount that changes is a container made anew
    commands, code = folder / "commands", folder / "code"
    commands.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(code, ignore_errors=True)
    for name, module in (("ray", "ray.scripts.scripts"), ("fitscape", "fitscape.study.cli")):
        (commands / name).write_text(f'#!/bin/sh\nexec python -m {module} "$@"\n')
        (commands / name).chmod(0o755)
    shutil.copytree(ROOT / "fitscape", code / "fitscape", ignore=shutil.ignore_patterns("__pycache__"))
    return {
        "HOST_PACKAGES": str(Path(numpy.__file__).parents[1]),
        "HOST_COMMANDS": str(commands),
        "HOST_CODE": str(code),
        "HOST_DATA": "/usr/share/datasets",
    }
