"""A cluster of a head and two workers on this machine: the code travels, trials run on both, one may go away."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from drivers import REPOSITORY, Drivers, small_study

from fitscape.study.records import TrialState


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class TwoNodes:
    """``ray start --block`` processes, each ended by its own process group and nothing else."""

    def __init__(self, folder: Path) -> None:
        token = folder / "token"
        token.write_text("0" * 64)
        token.chmod(0o600)
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        }
        self.address = f"127.0.0.1:{free_port()}"
        self._log_path = folder / "ray.log"
        self._log = self._log_path.open("ab")
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        node = subprocess.Popen(
            [ray, "start", "--block", "--disable-usage-stats", *arguments],
            env=self.environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.nodes.append(node)
        self._wait_until_up()

    def join(self, ip: str) -> None:
        """A worker node. With the head's address a driver might be a client of this raylet, and die with it."""
        self.start(f"--address={self.address}", f"--node-ip-address={ip}", "--num-cpus=1", "--num-gpus=0")

    def _wait_until_up(self, within: float = 90) -> None:
        """Until every node started has said that it has joined; a study on a half-joined cluster uses one node."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._log_path.read_text().count("Ray runtime started") == len(self.nodes):
                return
            time.sleep(0.1)
        raise AssertionError(f"not all nodes joined in {within} s:\n{self._log_path.read_text()}")

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[TwoNodes]:
    nodes = TwoNodes(tmp_path)
    port = nodes.address.partition(":")[2]
    try:
        nodes.start("--head", f"--port={port}", "--num-cpus=0", "--num-gpus=0", "--include-dashboard=false")
        for number in range(2, 4):  # one after the other: raylets that start at once take each other's ports
            nodes.join(f"127.0.0.{number}")
        yield nodes
    finally:
        for node in nodes.nodes:
            if node.poll() is None:
                nodes.kill(node)


def test_trials_run_on_both_nodes_and_move_when_one_goes_away(
    two_nodes: TwoNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, two_nodes.environment[name])
    drivers = Drivers(tmp_path, small_study("pair", trials=6, epochs=8))
    driver = drivers.start("run", address=two_nodes.address, storage=str(tmp_path / "storage"))
    drivers.wait_until(driver, lambda trials: len({t.node for t in trials if t.epochs}) == 2)
    two_nodes.kill(two_nodes.nodes[-1])
    assert driver.wait(timeout=200) == 0, drivers.log
    trials = drivers.trials()
    assert len(trials) == 6
    assert all(trial.state is TrialState.FINISHED for trial in trials)
    assert (tmp_path / "storage" / "pair" / "ledger.backup.db").is_file()


@pytest.mark.slow
def test_a_node_that_lacks_timm_is_named_with_its_mend_before_a_study_of_timm_runs(
    two_nodes: TwoNodes, tmp_path: Path
) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "timm.py").write_text("raise ImportError('no timm here')")
    sound, two_nodes.environment = (
        two_nodes.environment,
        {
            **two_nodes.environment,
            "PYTHONPATH": str(tmp_path / "lacking"),
        },
    )
    two_nodes.join("127.0.0.4")
    (tmp_path / "study.yaml").write_text("name: t\nspace: {architecture: {choices: [resnet18, 'timm:resnet10t']}}\n")
    asked = subprocess.run(
        [sys.executable, "-m", "fitscape", "doctor", tmp_path / "study.yaml", "--address", two_nodes.address],
        cwd=REPOSITORY,
        env={**sound, "FITSCAPE_ROOT": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert asked.returncode == 2, asked.stdout + asked.stderr
    (fault,) = [line for line in asked.stdout.splitlines() if line.startswith("FAULT")]
    assert "the study needs timm: " in fault
    assert "cannot import it (no timm here) (there: pip install 'timm>=1.0.20')" in fault
