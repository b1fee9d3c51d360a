"""A Ray cluster of raylets on this machine, each in a process group of its own, on free ports, with a token."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from mlflow_server import free_port
from ray.util import get_node_ip_address

RAY = str(Path(sys.executable).parent / "ray")


class Raylets:
    """A head that is a node too, and other nodes, of one CPU each. Nothing else on the machine is touched."""

    def __init__(self, folder: Path, *, head_cpus: int = 1, gpus: int = 0, object_store: int = 100_000_000) -> None:
        """``gpus`` are of each node, and logical; ``object_store`` is bytes."""
        self._folder, self._head_cpus, self._gpus, self._object_store = folder, head_cpus, gpus, object_store
        self.token = secrets.token_hex(24)
        (folder / "token").write_text(self.token)
        (folder / "token").chmod(0o600)
        self.port, self.dashboard = free_port(), free_port()
        self.jobs = f"http://127.0.0.1:{self.dashboard}"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_", "FITSCAPE_"))}
        self.environment |= {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._temporaries: list[str] = []
        self._nodes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """The head; returns when its Jobs API answers."""
        head = ["--head", f"--port={self.port}", f"--dashboard-port={self.dashboard}", "--dashboard-host=127.0.0.1"]
        self._start(self._head_cpus, *head, f"--ray-client-server-port={free_port()}")
        deadline = time.monotonic() + 90
        while not self._answers():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.2)

    def add(self, **environment: str) -> None:
        """One more node; it joins in a second or two. A driver might be a client of one with the head's IP, and die.

        ``environment`` is what the node has beside the head's.
        """
        self._start(1, f"--address={self.address}", f"--node-ip-address=127.0.0.{1 + len(self._nodes)}", **environment)

    @property
    def address(self) -> str:
        """The head's, which is at the machine's own address, never on loopback."""
        return f"{get_node_ip_address()}:{self.port}"

    def lose(self) -> None:
        """The newest node, at once."""
        os.killpg(self._nodes.pop().pid, signal.SIGKILL)

    def stop(self) -> None:
        for node in reversed(self._nodes):
            node.terminate()  # `ray start --block` ends what it started
        for node in self._nodes:
            try:
                node.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
        for temporary in self._temporaries:
            shutil.rmtree(temporary, ignore_errors=True)

    @property
    def log(self) -> str:
        return (self._folder / "ray.log").read_text()

    def _start(self, cpus: int, *words: str, **environment: str) -> None:
        command = [RAY, "start", "--block", f"--num-cpus={cpus}", f"--num-gpus={self._gpus}", *words]
        command += [f"--object-store-memory={self._object_store}"]
        # Nodes that share a session's folder remove each other's working directories. A socket's path must be short.
        self._temporaries.append(tempfile.mkdtemp(prefix="ray-"))
        command += [f"--temp-dir={self._temporaries[-1]}", "--disable-usage-stats"]
        command += [f"--dashboard-agent-listen-port={free_port()}"]
        with (self._folder / "ray.log").open("a") as log:
            node = subprocess.Popen(
                command, env=self.environment | environment, stdout=log, stderr=log, start_new_session=True
            )
        self._nodes.append(node)

    def _answers(self) -> bool:
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            return requests.get(f"{self.jobs}/api/jobs/", headers=headers, timeout=5).ok
        except requests.RequestException:
            return False
